"""How the shipped weights came about: sources, scenes, the warm start, distillation and its evaluation."""
