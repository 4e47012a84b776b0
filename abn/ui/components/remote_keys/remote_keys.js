const BUTTONS = { PageUp: ".st-key-view_before button", PageDown: ".st-key-view_after button" }
const TAKES_ARROWS = "canvas, [role=group], [role=radio], [role=slider], [role=tab], [type=radio], [type=range]"
const FULL_SCREEN = ".st-key-full-screen button"
const TAKES_TEXT = "input:not([type=radio], [type=range], [type=checkbox]), textarea"

export default function () {
  const fillScreen = () => {
    if (document.fullscreenElement) document.exitFullscreen()
    else document.documentElement.requestFullscreen()
  }
  const turn = event => {
    const typed = event.ctrlKey || event.metaKey || event.altKey || event.target.matches?.(TAKES_TEXT)
    if (event.key.toLowerCase() === "f" && !typed) fillScreen()
    const button = document.querySelector(BUTTONS[event.key])
    if (!button) return
    event.preventDefault()
    button.click()
  }
  const press = event => {
    if (event.target.closest?.(FULL_SCREEN)) fillScreen()
  }
  const release = () => {
    let focused = document.activeElement
    while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement
    if (focused?.matches(TAKES_ARROWS)) focused.blur()
  }
  const later = () => setTimeout(release) // what was pressed takes the focus first
  const listening = new AbortController()
  const options = { capture: true, signal: listening.signal }
  window.addEventListener("keydown", turn, options)
  window.addEventListener("pointerup", later, options)
  window.addEventListener("click", press, options)
  return () => listening.abort()
}
