export default function ({ data: [unsaved] }) {
  window.onbeforeunload = unsaved ? event => event.preventDefault() : null
}
