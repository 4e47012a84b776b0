const BUTTONS = { PageUp: ".st-key-view_before button", PageDown: ".st-key-view_after button" }
const TAKES_ARROWS = "canvas, [role=group], [role=radio], [role=slider], [role=tab], [type=radio], [type=range]"

export default function () {
  const turn = event => {
    const button = document.querySelector(BUTTONS[event.key])
    if (!button) return
    event.preventDefault()
    button.click()
  }
  const release = () => {
    let focused = document.activeElement
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement
    if (focused?.matches(TAKES_ARROWS)) focused.blur()
  }
  const later = () => setTimeout(release) // what was pressed takes the focus first
  window.addEventListener("keydown", turn, { capture: true })
  window.addEventListener("pointerup", later, { capture: true })
  return () => {
    window.removeEventListener("keydown", turn, { capture: true })
    window.removeEventListener("pointerup", later, { capture: true })
  }
}
