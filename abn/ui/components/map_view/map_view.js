// ---- drawing: the same arithmetic as abn/plots/overlay.py and abn/images/fit.py ----

const PANEL = 448 // pixels to which a small picture is enlarged, and on which the brightest region is found
window.abnPictures ??= new Map()
const pictures = window.abnPictures // URL → promise of an image; the latest ones, for all maps of the page

function loadPicture(url) {
  const known = pictures.get(url)
  pictures.delete(url)
  const loading =
    known ??
    new Promise((resolve, reject) => {
      const image = new Image()
      image.onload = () => resolve(image)
      image.onerror = reject
      image.src = url
    })
  pictures.set(url, loading) // the latest last
  if (pictures.size > 12) pictures.delete(pictures.keys().next().value)
  return loading
}

function decodeTable(text) {
  return Uint8Array.from(atob(text), character => character.charCodeAt(0)) // 256 × RGB
}

/** The map read at the centers of width × height pixels of a picture of which it covers `box`; NaN beyond. */
function sample({ values, rows, columns }, [left, top, right, bottom], width, height, smooth) {
  const axis = (count, low, high, cells) =>
    Array.from({ length: count }, (_, pixel) => {
      const at = ((pixel + 0.5) / count - low) / (high - low)
      if (at < 0 || at > 1) return null
      if (!smooth) return [Math.min(cells - 1, Math.floor(at * cells)), 0, 0]
      const place = Math.min(cells - 1, Math.max(0, at * cells - 0.5)),
        first = Math.floor(place)
      return [first, Math.min(cells - 1, first + 1), place - first]
    })
  const across = axis(width, left, right, columns),
    down = axis(height, top, bottom, rows),
    laid = new Float32Array(width * height).fill(Number.NaN)
  down.forEach((vertical, y) => {
    if (!vertical) return
    const [upper, lower, between] = [vertical[0] * columns, vertical[1] * columns, vertical[2]]
    across.forEach((horizontal, x) => {
      if (!horizontal) return
      const [near, far, part] = horizontal
      if (!smooth) {
        laid[y * width + x] = values[upper + near]
        return
      }
      const above = values[upper + near] * (1 - part) + values[upper + far] * part
      const below = values[lower + near] * (1 - part) + values[lower + far] * part
      laid[y * width + x] = above * (1 - between) + below * between
    })
  })
  return laid
}

/** From which value on a map belongs to its brightest share, and the area that this really is. */
function findLevel(laid, share) {
  const sorted = laid.filter(value => !Number.isNaN(value)).sort()
  const level = sorted[sorted.length - Math.max(1, Math.round(share * sorted.length))]
  return { level, area: sorted.filter(value => value >= level).length / sorted.length }
}

/** Which pixels have only such pixels around them, `reach` to each side. */
function erode(inside, width, height, reach) {
  const pass = (source, step, place, count) =>
    source.map((_, index) => {
      const at = place(index)
      for (let by = -reach; by <= reach; by++) {
        const other = Math.min(count - 1, Math.max(0, at + by))
        if (!source[index + (other - at) * step]) return 0
      }
      return 1
    })
  const along = pass(inside, 1, index => index % width, width)
  return pass(along, width, index => Math.floor(index / width), height)
}

/** As Pillow turns a picture gray. */
function luma(pixels, at) {
  return (pixels[at] * 19595 + pixels[at + 1] * 38470 + pixels[at + 2] * 7471 + 32768) >> 16
}

function turnGray(pixels) {
  for (let at = 0; at < pixels.length; at += 4) pixels.fill(luma(pixels, at), at, at + 3)
}

function paint(pixels, plain, laid, table, { opacity, low, high }) {
  const scale = 255 / Math.max(high - low, 1e-9)
  for (let index = 0; index < laid.length; index++) {
    const at = 4 * index
    if (Number.isNaN(laid[index])) {
      pixels.fill(Math.floor(luma(plain, at) / 4 + 96), at, at + 3)
      continue
    }
    const color = 3 * Math.floor(Math.min(255, Math.max(0, (laid[index] - low) * scale + 0.5)))
    for (let channel = 0; channel < 3; channel++) {
      const below = plain[at + channel]
      pixels[at + channel] = Math.floor(below + opacity * (table[color + channel] - below))
    }
  }
}

function markBrightest(pixels, plain, inside, width, height, how) {
  if (how === "mask") {
    for (let index = 0; index < inside.length; index++)
      for (let at = 4 * index; at < 4 * index + 3; at++)
        pixels[at] = inside[index] ? plain[at] : Math.floor(plain[at] / 4)
    return
  }
  const reach = Math.max(1, Math.floor(Math.max(width, height) / 320))
  const inner = erode(inside, width, height, reach)
  const outer = erode(
    inside.map(is => 1 - is),
    width,
    height,
    reach,
  )
  for (let index = 0; index < inside.length; index++) {
    if (inside[index] && !inner[index]) pixels.fill(255, 4 * index, 4 * index + 3)
    if (!inside[index] && !outer[index]) pixels.fill(0, 4 * index, 4 * index + 3)
  }
}

// ---- the component ----

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const find = name => parentElement.querySelector(name)
  const view = find(".view"),
    frame = find(".frame"),
    canvas = find("canvas"),
    said = find(".said")
  const [left, top, right, bottom] = data.box,
    { height, width } = data
  let { values, alt } = data
  let look = data.look
  if (!look.fixed && window.abnLook) look = { ...look, ...window.abnLook }
  canvas.setAttribute("role", "img") // only together with its name
  const describe = () => {
    canvas.setAttribute("aria-label", alt)
    view.setAttribute("aria-label", `${alt} ${values ? "Arrow keys read its cells." : data.rest}`)
  }
  describe()
  frame.style.setProperty("--shape", `${data.pixels[0]} / ${data.pixels[1]}`)

  const map = { values, rows: height, columns: width }
  const samples = {} // smooth or not → the map on the canvas
  let plain = null,
    cover = null
  const draw = () => {
    if (!plain) return
    const context = canvas.getContext("2d"),
      drawn = new ImageData(new Uint8ClampedArray(plain.data), plain.width, plain.height)
    if (values) {
      samples[look.smooth] ??= sample(map, data.box, plain.width, plain.height, look.smooth)
      const laid = samples[look.smooth]
      paint(drawn.data, plain.data, laid, decodeTable(look.table), { ...look, ...data.limits })
      showBar()
      showMarked(drawn.data, laid)
    }
    context.putImageData(drawn, 0, 0)
    if (cover) context.drawImage(cover, 0, 0, plain.width, plain.height)
    canvas.dataset.drawn = JSON.stringify([look.opacity, look.colors, look.smooth, look.top, look.mark])
  }
  const showMarked = (pixels, laid) => {
    const line = find(".marked")
    line.hidden = !look.top
    if (!look.top) return
    samples[`level ${look.smooth}`] ??= sample(map, [0, 0, 1, 1], PANEL, PANEL, look.smooth)
    const { level, area } = findLevel(samples[`level ${look.smooth}`], look.top / 100)
    const inside = Uint8Array.from(laid, value => (value >= level ? 1 : 0))
    markBrightest(pixels, plain.data, inside, plain.width, plain.height, look.mark)
    line.textContent = `Marked: ${data.symbol} ≥ ${level.toFixed(2)}, ${Math.round(100 * area)} % of what the model saw`
  }
  const showBar = () => {
    const bar = find(".bar")
    bar.hidden = !data.ticks
    if (!data.ticks) return
    const table = decodeTable(look.table),
      stops = Array.from({ length: 17 }, (_, step) => {
        const at = 3 * Math.round((step / 16) * 255)
        return `rgb(${table[at]} ${table[at + 1]} ${table[at + 2]})`
      })
    find(".colors").style.background = `linear-gradient(to right, ${stops.join(", ")})`
    find(".ticks").replaceChildren(
      ...data.ticks.map(number => Object.assign(document.createElement("span"), { textContent: number })),
    )
  }
  const current = {}
  view.current = current // of this call: a picture that comes later than the next call is not drawn
  const urls = [data.image, data.cover].filter(Boolean)
  Promise.all(urls.map(loadPicture)).then(
    ([image, over]) => {
      if (view.current !== current) return
      const times = Math.max(1, Math.ceil(PANEL / Math.max(...data.pixels))),
        [across, down] = data.pixels.map(side => times * side)
      Object.assign(canvas, { width: across, height: down })
      const context = canvas.getContext("2d", { willReadFrequently: true })
      context.imageSmoothingQuality = "high"
      context.drawImage(image, 0, 0, across, down)
      plain = context.getImageData(0, 0, across, down)
      if (data.gray) turnGray(plain.data)
      cover = over
      draw()
    },
    () => {
      for (const url of urls) pictures.delete(url)
    },
  )

  const surround = (box, row, column) => {
    box.hidden = false
    box.style.left = `${100 * (left + (column / width) * (right - left))}%`
    box.style.top = `${100 * (top + (row / height) * (bottom - top))}%`
    box.style.width = `${(100 * (right - left)) / width}%`
    box.style.height = `${(100 * (bottom - top)) / height}%`
  }
  const clamp = (place, count) => Math.min(count - 1, Math.max(0, place))
  const [west, north, east, south] = data.extent
  const tell = at => {
    const detail = at && { x: west + at.x * (east - west), y: north + at.y * (south - north), by: view }
    window.abnCell = detail // for maps that are drawn later
    window.dispatchEvent(new CustomEvent("abn-cell", { detail }))
  }
  const hear = at => {
    // at: x and y in 0 … 1 of the picture, or nothing; read: of the map
    const here = at && { x: (at.x - west) / (east - west), y: (at.y - north) / (south - north) }
    read(here && here.x >= 0 && here.x < 1 && here.y >= 0 && here.y < 1 ? here : null)
  }
  const read = at => {
    find(".mark").hidden = !at
    said.textContent = at ? "" : (data.hint?.[matchMedia("(hover: none)").matches ? 1 : 0] ?? data.rest)
    if (!at) return
    const row = clamp(Math.floor(at.y * height), height),
      column = clamp(Math.floor(at.x * width), width)
    surround(find(".mark"), row, column)
    const value = values?.[row * width + column].toFixed(data.digits).replace("-", "−")
    said.textContent = `row ${row + 1}, column ${column + 1}${values ? `: ${data.symbol} = ${value}` : ""}`
  }
  const place = event => {
    const box = canvas.getBoundingClientRect()
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
  canvas.onclick = event => {
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
    event.stopPropagation() // the arrows go through a deck of views as well
    tell({ x: ((view.at ?? at)[0] + 0.5) / width, y: ((view.at ?? at)[1] + 0.5) / height })
  }
  find("button").hidden = data.picks // it would lie over cells
  find("button").onclick = () => (document.fullscreenElement ? document.exitFullscreen() : view.requestFullscreen())
  canvas.style.cursor = data.picks ? "pointer" : "crosshair"
  find(".picked").hidden = !data.picked
  if (data.picked) surround(find(".picked"), ...data.picked)
  find(".best").hidden = !data.best
  if (data.best) surround(find(".best"), ...data.best)

  const relook = event => {
    if (look.fixed) return
    look = { ...look, ...event.detail }
    requestAnimationFrame(draw)
  }
  view.leave?.()
  const cell = event => hear(event.detail)
  window.addEventListener("abn-cell", cell)
  window.addEventListener("abn-look", relook)
  const follow = event => {
    if (!data.follows || event.detail?.name !== data.follows) return
    values = map.values = event.detail.values
    alt = event.detail.alt
    describe()
    for (const name of Object.keys(samples)) delete samples[name]
    requestAnimationFrame(draw)
  }
  window.addEventListener("abn-map", follow)
  follow({ detail: window.abnFollowed?.[data.follows] })
  const leave = () => {
    window.removeEventListener("abn-map", follow)
    window.removeEventListener("abn-cell", cell)
    window.removeEventListener("abn-look", relook)
  }
  view.leave = leave
  hear(window.abnCell) // where the page is still being drawn while somebody points at a map
  return () => {
    leave() // this call, and not the next one, which may have begun
    if (window.abnCell?.by === view) window.abnCell = null
  }
}
