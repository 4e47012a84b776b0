"""The help of every command stands alone: each option says what it sets and its default."""

import argparse

import pytest

from abn.__main__ import COMMANDS, HelpFormatter, _parser

NAMES = ("variants", "gallery", *COMMANDS)


def subparser(command: str) -> argparse.ArgumentParser:
    parser = _parser([command])
    (commands,) = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return commands.choices[command]


@pytest.mark.parametrize("command", NAMES)
def test_each_option_states_its_default_unless_it_is_required(command):
    parser = subparser(command)
    formatter = parser.formatter_class("")
    assert isinstance(formatter, HelpFormatter)
    for action in parser._actions:
        text = formatter._get_help_string(action)
        assert text, action.dest
        if action.option_strings and not action.required and "--help" not in action.option_strings:
            assert text.count("(default: ") == 1 or text.startswith("required"), (action.dest, text)


@pytest.mark.parametrize("command", NAMES)
def test_the_help_can_be_printed(command):
    text = subparser(command).format_help()
    assert "None" not in text and "%(" not in text and "==SUPPRESS==" not in text
