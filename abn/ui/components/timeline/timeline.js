export default function ({ data: [data], parentElement, setTriggerValue }) {
  const timeline = parentElement.querySelector(".timeline"),
    find = selector => timeline.querySelector(selector),
    button = find("button"),
    axis = find(".axis"),
    last = data.moments.length - 1
  timeline.state ??= { chosen: data.chosen, server: data.chosen, reported: null, playing: false, timer: 0 }
  const state = timeline.state
  if (timeline.of !== data.name + last) {
    // another variant or image: nothing of the one before counts
    timeline.of = data.name + last
    clearTimeout(state.timer)
    Object.assign(state, { chosen: data.chosen, reported: null, playing: false })
  } else if (state.reported !== null) {
    if (data.chosen === state.reported) state.reported = null
  } else if (data.chosen !== state.server && !state.playing) state.chosen = data.chosen
  state.server = data.chosen

  if (timeline.chart !== data.chart) {
    timeline.chart = data.chart
    find(".chart").innerHTML = data.chart
  }
  find(".title").textContent = data.axis
  axis.setAttribute("role", "slider")
  axis.setAttribute("aria-label", `${data.label} ${data.alt}`)
  axis.setAttribute("aria-valuemin", String(data.moments[0].step))
  axis.setAttribute("aria-valuemax", String(data.moments[last].step))

  const draw = () => {
    const moment = data.moments[state.chosen]
    find(".cursor").style.setProperty("--at", moment.position)
    find(".text").textContent = moment.text
    axis.setAttribute("aria-valuenow", String(moment.step))
    axis.setAttribute("aria-valuetext", moment.value)
    button.textContent = state.playing ? `■ ${data.controls.stop}` : `▶ ${data.controls.play}`
    const detail = { name: data.name, values: moment.values, alt: moment.alt }
    window.abnFollowed = { ...window.abnFollowed, [data.name]: detail } // for a map that is drawn later
    window.dispatchEvent(new CustomEvent("abn-map", { detail }))
  }
  const report = () => {
    if (state.chosen === state.server && state.reported === null) return
    state.reported = state.chosen
    setTriggerValue("picked", state.chosen)
  }
  const stop = () => {
    clearTimeout(state.timer)
    state.playing = false
  }
  const choose = place => {
    stop()
    state.chosen = Math.min(last, Math.max(0, place))
    draw()
    clearTimeout(timeline.later) // a person who goes on moving is reported once
    timeline.later = setTimeout(report, 400)
  }
  timeline.walk = place => {
    state.chosen = place
    draw()
    state.timer = setTimeout(() => {
      if (!timeline.isConnected) return
      if (place < last) timeline.walk(place + 1)
      else timeline.toggle()
    }, 1000 * data.seconds)
  }
  timeline.toggle = () => {
    clearTimeout(timeline.later)
    if (state.playing) {
      stop()
      draw()
      report()
    } else {
      state.playing = true
      timeline.walk(0)
    }
  }
  button.onclick = () => timeline.toggle()
  timeline.onkeydown = event => {
    if (event.key !== "Escape" || !state.playing) return
    event.stopPropagation() // the projector has shortcuts of its own
    timeline.toggle()
  }
  axis.onkeydown = event => {
    const places = {
      ArrowRight: state.chosen + 1,
      ArrowUp: state.chosen + 1,
      ArrowLeft: state.chosen - 1,
      ArrowDown: state.chosen - 1,
      Home: 0,
      End: last,
    }
    if (!(event.key in places)) return
    event.preventDefault()
    event.stopPropagation()
    choose(places[event.key])
  }
  const nearest = event => {
    const box = find(".plot").getBoundingClientRect(),
      at = (event.clientX - box.left) / box.width
    const distances = data.moments.map(moment => Math.abs(moment.position - at))
    return distances.indexOf(Math.min(...distances))
  }
  axis.onpointerdown = event => {
    axis.setPointerCapture(event.pointerId)
    choose(nearest(event))
  }
  axis.onpointermove = event => {
    if (event.buttons) choose(nearest(event))
  }
  draw()
  const current = {}
  timeline.current = current
  return () => {
    if (timeline.current !== current) return // the next call has begun, and goes on
    clearTimeout(state.timer)
    clearTimeout(timeline.later)
    delete window.abnFollowed?.[data.name]
  }
}
