export default function ({ data: [data], parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip")
  const title = parentElement.querySelector(".title")
  strip.setAttribute("aria-label", data.label)
  const items = JSON.stringify(data.items)
  if (strip.drawn !== items) {
    strip.drawn = items
    strip.replaceChildren(
      ...data.items.map(item => {
        const button = document.createElement("button")
        button.dataset.id = item.id
        button.title = item.title
        const image = document.createElement("img")
        image.src = item.source
        image.alt = item.title
        button.append(image)
        if (item.caption) {
          const caption = document.createElement("span")
          caption.textContent = item.caption
          button.append(caption)
        }
        return button
      }),
    )
  }
  const buttons = [...strip.children]
  const chosen = buttons.find(button => button.dataset.id === data.chosen)
  const tell = event => {
    title.textContent = (event?.target.closest?.("button") ?? chosen)?.title ?? ""
  }
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button === chosen))
    button.tabIndex = button === (chosen ?? buttons[0]) ? 0 : -1 // one stop of the Tab key; arrows go on from there
    button.onclick = () => setTriggerValue("picked", button.dataset.id)
  }
  strip.onkeydown = event => {
    const at = buttons.indexOf(event.target)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key]
    if (at < 0 || !buttons[to]) return
    event.preventDefault()
    event.stopPropagation()
    event.target.tabIndex = -1
    buttons[to].tabIndex = 0
    buttons[to].focus()
  }
  strip.onpointerover = tell
  strip.onpointerleave = () => tell()
  for (const button of buttons) {
    button.onfocus = tell
    button.onblur = () => tell()
  }
  tell()
  const unseen =
    chosen &&
    (chosen.offsetLeft < strip.scrollLeft ||
      chosen.offsetLeft + chosen.clientWidth > strip.scrollLeft + strip.clientWidth)
  if (unseen && strip.dataset.chosen !== data.chosen) {
    strip.scrollLeft = chosen.offsetLeft - strip.clientWidth / 2 + chosen.clientWidth / 2
  }
  strip.dataset.chosen = data.chosen
}
