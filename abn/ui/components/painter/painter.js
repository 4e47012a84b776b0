export default function ({ data: [data], parentElement, setTriggerValue }) {
  const canvas = parentElement.querySelector("canvas"),
    said = parentElement.querySelector(".said")
  canvas.painter ??= { map: [], image: new Image(), row: 0, column: 0, corner: null, touched: null, tapped: null }
  const own = canvas.painter
  own.data = data
  own.send = () => setTriggerValue("painted", { map: own.map.map(value => +value.toFixed(4)), version: data.version })
  canvas.setAttribute("role", "application")
  canvas.setAttribute("aria-label", data.label)
  canvas.dataset.tool = data.tool
  canvas.dataset.drag ??= "paints"
  showDrag(parentElement.querySelector(".drag"))
  if (own.version !== data.version) {
    own.version = data.version
    own.map = [...data.map]
  }
  if (own.source !== data.image) {
    own.source = data.image
    own.image.onload = () => draw(own)
    own.image.onerror = () => {
      own.source = null // the next call tries again
    }
    own.image.src = data.image
  }
  if (!canvas.dataset.ready) {
    canvas.dataset.ready = "yes"
    listen(own)
  }
  if (said.textContent) say(own)
  draw(own)

  function listen(own) {
    const cell = event => {
      const box = canvas.getBoundingClientRect(),
        { height, width } = own.data
      const at = (place, start, size, count) => clamp(Math.floor(((place - start) / size) * count), count)
      return [at(event.clientY, box.top, box.height, height), at(event.clientX, box.left, box.width, width)]
    }
    const mayScroll = event => event.pointerType === "touch" && canvas.dataset.drag === "scrolls"
    canvas.onpointerdown = event => {
      if (event.button || !event.isPrimary) return
      own.tapped = mayScroll(event) ? cell(event) : null // a finger that is lifted where it came down paints
      if (own.tapped) return
      canvas.setPointerCapture(event.pointerId)
      move(own, ...cell(event))
      begin(own)
    }
    canvas.onpointermove = event => {
      if (mayScroll(event) || !event.isPrimary) return
      move(own, ...cell(event))
      if (own.touched && own.data.shape === "brush") brush(own)
      draw(own)
    }
    canvas.onpointerleave = canvas.onfocus = canvas.onblur = () => draw(own)
    canvas.onpointerup = event => {
      if (!event.isPrimary) return
      if (own.tapped && String(own.tapped) === String(cell(event))) {
        move(own, ...own.tapped)
        begin(own)
      }
      own.tapped = null
      end(own)
    }
    canvas.onpointercancel = () => {
      own.tapped = null
      cancel(own)
    }
    canvas.onkeydown = event => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
      if (step) {
        move(own, clamp(own.row + step[0], own.data.height), clamp(own.column + step[1], own.data.width))
      } else if (event.key === " " || event.key === "Enter") {
        if (own.data.shape === "box" && !own.corner) begin(own)
        else {
          if (!own.touched) begin(own)
          end(own)
        }
      } else if (event.key === "Escape" && own.touched) {
        cancel(own)
      } else return
      event.preventDefault()
      event.stopPropagation() // the projector has shortcuts of its own
      draw(own)
    }
  }

  function showDrag(group) {
    group.querySelector("span").textContent = data.drag.label
    group.setAttribute("aria-label", data.drag.label)
    for (const button of group.querySelectorAll("button")) {
      const { drag } = button.dataset
      button.textContent = data.drag[drag]
      button.setAttribute("aria-pressed", canvas.dataset.drag === drag)
      button.onclick = () => {
        canvas.dataset.drag = drag
        showDrag(group)
      }
    }
  }

  function clamp(place, count) {
    return Math.min(count - 1, Math.max(0, place))
  }

  function move(own, row, column) {
    if (own.row === row && own.column === column && said.textContent) return
    own.row = row
    own.column = column
    say(own)
  }

  function say(own) {
    const value = own.map[own.row * own.data.width + own.column]
    said.textContent = `row ${own.row + 1}, column ${own.column + 1}: ${own.data.symbol} = ${value.toFixed(2)}`
  }

  function begin(own) {
    own.before = [...own.map]
    own.touched = new Set()
    own.corner = [own.row, own.column]
    if (own.data.shape === "brush") brush(own)
    draw(own)
  }

  function brush(own) {
    const reach = (own.data.size - 1) / 2
    const from = place => Math.ceil(place - reach),
      to = place => Math.floor(place + reach)
    paint(own, from(own.row), from(own.column), to(own.row), to(own.column))
  }

  function paint(own, top, left, bottom, right) {
    const { height, width, strength } = own.data
    for (let row = Math.max(0, top); row <= Math.min(height - 1, bottom); row++) {
      for (let column = Math.max(0, left); column <= Math.min(width - 1, right); column++) {
        const i = row * width + column
        if (own.touched.has(i)) continue // a stroke paints each cell once
        own.touched.add(i)
        own.map[i] = Math.min(1, Math.max(0, own.map[i] + strength))
      }
    }
  }

  function box(own) {
    const [row, column] = own.corner
    return [Math.min(row, own.row), Math.min(column, own.column), Math.max(row, own.row), Math.max(column, own.column)]
  }

  function end(own) {
    if (!own.touched) return
    if (own.data.shape === "box") paint(own, ...box(own))
    own.touched = own.corner = null
    say(own)
    draw(own)
    if (own.map.some((value, i) => value !== own.before[i])) own.send()
  }

  function cancel(own) {
    if (!own.touched) return
    own.map = own.before
    own.touched = own.corner = null
    draw(own)
  }

  function draw(own) {
    const { height, width, colors, opacity } = own.data
    const side = 2 * own.data.side
    canvas.width = side
    canvas.height = side
    const pen = canvas.getContext("2d")
    pen.imageSmoothingQuality = "high"
    const y = row => Math.round((row * side) / height),
      x = column => Math.round((column * side) / width)
    if (own.image.complete && own.image.naturalWidth) pen.drawImage(own.image, 0, 0, side, side)
    pen.globalAlpha = opacity
    own.map.forEach((value, i) => {
      const row = Math.floor(i / width),
        column = i % width
      pen.fillStyle = colors[Math.round(Math.min(1, Math.max(0, value)) * (colors.length - 1))]
      pen.fillRect(x(column), y(row), x(column + 1) - x(column), y(row + 1) - y(row))
    })
    pen.globalAlpha = 1
    const frame = (top, left, bottom, right, dash) => {
      for (const [style, thick] of [
        ["black", 8],
        ["white", 4],
      ]) {
        pen.strokeStyle = style
        pen.lineWidth = thick
        pen.setLineDash(dash)
        pen.strokeRect(x(left), y(top), x(right + 1) - x(left), y(bottom + 1) - y(top))
      }
    }
    if (own.corner && own.data.shape === "box") frame(...box(own), [16, 10])
    if (own.touched || canvas.matches(":hover, :focus-visible")) frame(own.row, own.column, own.row, own.column, [])
  }
}
