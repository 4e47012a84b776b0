export default function ({ data, parentElement, setTriggerValue }) {
  const find = name => parentElement.querySelector(name)
  const view = find(".view"),
    frame = find(".frame"),
    image = find("img"),
    said = find(".said")
  const [left, top, right, bottom] = data.box,
    { height, width } = data
  if (image.src !== data.picture) image.src = data.picture
  image.alt = data.alt
  view.setAttribute("aria-label", `${data.alt} ${data.values ? "Arrow keys read its cells." : data.rest}`)
  frame.style.setProperty("--shape", data.shape)

  const surround = (box, row, column) => {
    box.hidden = false
    box.style.left = `${100 * (left + (column / width) * (right - left))}%`
    box.style.top = `${100 * (top + (row / height) * (bottom - top))}%`
    box.style.width = `${(100 * (right - left)) / width}%`
    box.style.height = `${(100 * (bottom - top)) / height}%`
  }
  const clamp = (place, count) => Math.min(count - 1, Math.max(0, place))
  const [west, north, east, south] = data.extent
  const tell = at =>
    window.dispatchEvent(
      new CustomEvent("abn-cell", {
        detail: at && {
          x: west + at.x * (east - west),
          y: north + at.y * (south - north),
        },
      }),
    )
  const hear = at => {
    // at: x and y in 0 … 1 of the picture, or nothing; read: of the map
    const here = at && { x: (at.x - west) / (east - west), y: (at.y - north) / (south - north) }
    read(here && here.x >= 0 && here.x < 1 && here.y >= 0 && here.y < 1 ? here : null)
  }
  const read = at => {
    find(".mark").hidden = !at
    said.textContent = at ? "" : data.rest
    if (!at) return
    const row = clamp(Math.floor(at.y * height), height),
      column = clamp(Math.floor(at.x * width), width)
    surround(find(".mark"), row, column)
    const value = data.values?.[row * width + column].toFixed(data.digits).replace("-", "−")
    said.textContent = `row ${row + 1}, column ${column + 1}` + (data.values ? `: ${data.symbol} ${value}` : "")
  }
  const place = event => {
    const box = image.getBoundingClientRect()
    const x = ((event.clientX - box.left) / box.width - left) / (right - left)
    const y = ((event.clientY - box.top) / box.height - top) / (bottom - top)
    return x >= 0 && x < 1 && y >= 0 && y < 1 ? { x, y } : null
  }
  const pick = at => {
    if (!at || !data.picks) return
    setTriggerValue("picked", [clamp(Math.floor(at.y * height), height), clamp(Math.floor(at.x * width), width)])
  }
  view.onpointermove = event => tell(place(event))
  view.onpointerleave = () => tell(null)
  view.onblur = () => tell(null)
  image.onclick = event => {
    tell(place(event))
    pick(place(event))
  }
  view.onkeydown = event => {
    if (event.target !== view) return
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key]
    const at = view.at ?? [Math.floor(width / 2), Math.floor(height / 2)]
    if (step) {
      view.at = view.at ? [clamp(at[0] + step[0], width), clamp(at[1] + step[1], height)] : at
      said.setAttribute("aria-live", "polite")
    } else if (data.picks && (event.key === " " || event.key === "Enter")) {
      pick({ x: (at[0] + 0.5) / width, y: (at[1] + 0.5) / height })
    } else return
    event.preventDefault()
    tell({ x: ((view.at ?? at)[0] + 0.5) / width, y: ((view.at ?? at)[1] + 0.5) / height })
  }
  find("button").onclick = () => (document.fullscreenElement ? document.exitFullscreen() : view.requestFullscreen())
  image.style.cursor = data.picks ? "pointer" : "crosshair"
  find(".picked").hidden = !data.picked
  if (data.picked) surround(find(".picked"), ...data.picked)

  window.removeEventListener("abn-cell", view.heard)
  view.heard = event => hear(event.detail)
  window.addEventListener("abn-cell", view.heard)
  read(null)
  return () => window.removeEventListener("abn-cell", view.heard)
}
