export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip")
  strip.setAttribute("aria-label", data.label)
  const marks = item => [item.id, item.title, item.caption, item.source].join()
  if (strip.dataset.drawn !== data.items.map(marks).join()) {
    strip.dataset.drawn = data.items.map(marks).join()
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
  for (const button of strip.children) {
    button.setAttribute("aria-pressed", String(button.dataset.id === data.chosen))
    button.onclick = () => setTriggerValue("picked", button.dataset.id)
  }
  const chosen = [...strip.children].find(button => button.dataset.id === data.chosen)
  const unseen =
    chosen &&
    (chosen.offsetLeft < strip.scrollLeft ||
      chosen.offsetLeft + chosen.clientWidth > strip.scrollLeft + strip.clientWidth)
  if (unseen && strip.dataset.chosen !== data.chosen) {
    strip.scrollLeft = chosen.offsetLeft - strip.clientWidth / 2 + chosen.clientWidth / 2
  }
  strip.dataset.chosen = data.chosen
}
