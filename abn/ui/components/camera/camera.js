const SIDE = 256, // pixels of a frame that is sent
  PATIENCE = 8000 // milliseconds after which a result counts as lost

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const find = name => parentElement.querySelector(name)
  const video = find("video"),
    canvas = find("canvas"),
    said = find(".said"),
    start = find(".start"),
    freeze = find(".freeze")
  parentElement.abnCamera ??= { stream: null, number: 0, timer: 0, times: [], frozen: data.frozen }
  const state = parentElement.abnCamera
  find(".intro").textContent = data.words.intro
  find(".intro").hidden = Boolean(state.stream)

  /** The middle of the video as a square JPEG. */
  const takeFrame = (side, quality) => {
    const taken = document.createElement("canvas"),
      edge = Math.min(video.videoWidth, video.videoHeight)
    taken.width = taken.height = Math.min(side, edge)
    const [left, top] = [(video.videoWidth - edge) / 2, (video.videoHeight - edge) / 2]
    taken.getContext("2d").drawImage(video, left, top, edge, edge, 0, 0, taken.width, taken.height)
    return taken.toDataURL("image/jpeg", quality).split(",")[1]
  }
  const send = () => {
    if (!state.stream || !video.videoWidth) return
    clearTimeout(state.timer)
    state.timer = setTimeout(send, PATIENCE)
    if (state.kept) {
      setTriggerValue("picked", { kind: "freeze", jpeg: state.kept })
      Object.assign(state, { kept: null, number: state.number + 1 }) // no result is on its way
      return
    }
    state.number += 1
    setTriggerValue("picked", { kind: "frame", number: state.number, jpeg: takeFrame(SIDE, 0.8) })
  }
  const stop = () => {
    clearTimeout(state.timer)
    for (const track of state.stream?.getTracks() ?? []) track.stop()
    Object.assign(state, { stream: null, times: [] })
    video.srcObject = null
    start.textContent = "Start the camera"
    find(".intro").hidden = false
    find(".heads").replaceChildren()
    freeze.disabled = true
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height)
  }
  const begin = async () => {
    said.textContent = "Waiting for the camera …"
    start.disabled = true
    try {
      const square = { ideal: 1024 }
      state.stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: "environment", width: square, height: square },
      })
    } catch (error) {
      said.textContent = error.name === "NotFoundError" ? data.words.none : data.words.refused
      return
    } finally {
      start.disabled = false
    }
    if (!video.isConnected) return stop() // the page was left while the browser asked
    video.srcObject = state.stream
    await video.play()
    start.textContent = "Stop the camera"
    find(".intro").hidden = true
    freeze.disabled = false
    said.textContent = ""
    send()
  }
  const draw = ({ values, height, width, look }) => {
    const table = Uint8Array.from(atob(look.table), character => character.charCodeAt(0)),
      cells = new ImageData(width, height)
    values.forEach((value, cell) => {
      const color = 3 * Math.round(255 * Math.min(1, Math.max(0, value)))
      cells.data.set([table[color], table[color + 1], table[color + 2], 255], 4 * cell)
    })
    const small = Object.assign(document.createElement("canvas"), { width, height })
    small.getContext("2d").putImageData(cells, 0, 0)
    canvas.width = canvas.height = 2 * SIDE
    const context = canvas.getContext("2d")
    context.imageSmoothingEnabled = look.smooth
    context.globalAlpha = look.opacity
    context.drawImage(small, 0, 0, canvas.width, canvas.height)
    canvas.setAttribute("aria-label", data.result.alt)
  }
  const showHeads = heads => {
    const parts = heads.flatMap(({ head, color, label, probability }) => {
      const [name, first, share] = ["span", "b", "span"].map(tag => document.createElement(tag))
      name.textContent = `■ ${head}`
      name.style.color = color
      first.textContent = first.title = label
      share.textContent = probability
      return [name, first, share]
    })
    find(".heads").replaceChildren(...parts)
  }

  if (!window.isSecureContext || !navigator.mediaDevices) {
    start.disabled = true
    said.textContent = data.words.insecure
  }
  start.onclick = () => (state.stream ? stop() : begin())
  freeze.onclick = () => {
    state.kept = takeFrame(1024, 0.92) // sent once the frame before has been explained: the server keeps the latest alone
  }
  if (state.frozen !== data.frozen) {
    state.frozen = data.frozen
    requestAnimationFrame(send)
  }

  const result = data.result
  if (state.stream && result && result.number === state.number && result.number !== state.shown) {
    state.shown = result.number
    if (result.error) said.textContent = result.error
    else {
      draw(result)
      showHeads(result.heads)
      const now = performance.now()
      state.times = [...state.times.filter(time => now - time < 3000), now]
      const rate = state.times.length > 1 ? (state.times.length - 1) / ((now - state.times[0]) / 1000) : 0
      said.textContent = rate ? `${rate.toFixed(1)} maps a second, each from one frame.` : ""
      canvas.dataset.shown = result.number
    }
    requestAnimationFrame(send)
  }
  return stop // when the page is left
}
