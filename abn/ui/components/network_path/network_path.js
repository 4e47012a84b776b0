const ICONS = {
  // paths in a square of 24
  play: "M7 4v16l13-8z",
  stop: "M6 6h12v12H6z",
  previous: "M16 4v16L5 12z",
  next: "M8 4v16l11-8z",
  screen: "M3 3h7v3H6v4H3zM14 3h7v7h-3V6h-4zM3 14h3v4h4v3H3zM18 14h3v7h-7v-3h4z",
}

// ---- the narrow diagram: cut below a stage, so that the stage opens there ----

function parse(text) {
  const holder = document.createElement("div")
  holder.innerHTML = text
  return holder.firstElementChild
}

/** The part of a diagram between two heights, with the stages and mechanisms that lie there. */
function slice(text, from, to) {
  const svg = parse(text),
    width = svg.viewBox.baseVal.width,
    end = Math.min(to, svg.viewBox.baseVal.height)
  svg.setAttribute("viewBox", `0 ${from} ${width} ${end - from}`)
  for (const group of svg.querySelectorAll("[transform]")) {
    const top = Number(group.getAttribute("transform").match(/[\d.]+/g)[1])
    if (top < from || top >= end) group.remove()
  }
  return svg
}

// ---- the component ----

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const path = parentElement.querySelector(".path"),
    find = selector => path.querySelector(selector),
    all = selector => [...path.querySelectorAll(selector)],
    opens = Object.keys(data.details).length > 0
  path.setAttribute("aria-label", data.label)
  path.classList.toggle("opens", opens)
  for (const text of all(".alert, .note")) text.textContent = data[text.className]
  path.state ??= { chosen: data.chosen, server: data.chosen, reported: null, playing: false, timer: 0 }
  const state = path.state

  // the server's choice counts, unless a later one of this browser is on its way to it
  if (state.reported !== null) {
    if (data.chosen === state.reported) state.reported = null
  } else if (data.chosen !== state.server && !state.playing) state.chosen = data.chosen
  state.server = data.chosen

  const report = () => {
    if (state.chosen === state.server && state.reported === null) return
    state.reported = state.chosen
    setTriggerValue("picked", { stage: state.chosen })
  }

  // ---- drawing ----

  const drawNarrow = () => {
    const stage = opens ? parse(data.narrow).querySelector(`[data-name="${state.chosen}"]`) : null
    const cut = stage ? Number(stage.dataset.cut) : Number.POSITIVE_INFINITY
    const drawn = `${cut} ${data.narrow}`
    if (path.narrowDrawn === drawn) return
    path.narrowDrawn = drawn
    find(".upper").replaceChildren(slice(data.narrow, 0, cut))
    find(".lower").replaceChildren(...(stage ? [slice(data.narrow, cut, Number.POSITIVE_INFINITY)] : []))
  }

  const draw = () => {
    const held = parentElement.activeElement ?? path.getRootNode().activeElement
    const focused = held && path.contains(held) && { stage: held.dataset.stage, mechanism: held.dataset.mechanism }
    if (path.wideDrawn !== data.wide) {
      path.wideDrawn = data.wide
      find(".drawing").innerHTML = data.wide
    }
    drawNarrow()
    const details = data.details[state.chosen] ?? ""
    for (const place of all(".beside, .under")) {
      if (place.drawn === details) continue
      place.drawn = details
      place.innerHTML = details
    }
    for (const stage of all("[data-stage]")) {
      const chosen = stage.dataset.stage === state.chosen
      stage.setAttribute("aria-pressed", String(chosen))
      stage.onclick = () => pick(stage.dataset.stage)
      stage.onkeydown = event => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
        if (step && opens) move(step, true)
        else if (event.key === " " || event.key === "Enter") pick(stage.dataset.stage)
        else return
        event.preventDefault()
        event.stopPropagation()
      }
    }
    for (const line of all("[data-into]")) {
      line.classList.toggle("flowing", state.playing && line.dataset.into === state.chosen)
    }
    drawMechanisms()
    for (const more of all("[data-more]")) {
      more.onclick = () => setTriggerValue("picked", { more: more.dataset.more })
    }
    drawControls()
    if (focused?.stage) focus(focused.stage === state.chosen ? focused.stage : state.chosen)
    if (focused?.mechanism) focusOn(`[data-mechanism="${focused.mechanism}"]`)
  }

  const focusOn = selector => {
    const seen = all(selector).find(element => element.getClientRects().length)
    if (seen && seen !== path.getRootNode().activeElement) seen.focus({ preventScroll: true })
  }
  const focus = stage => focusOn(`[data-stage="${stage}"]`)

  const drawMechanisms = () => {
    for (const option of all("[data-mechanism]")) {
      const apply = () => setTriggerValue("picked", { mechanism: option.dataset.mechanism })
      option.onclick = apply
      option.onkeydown = event => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key]
        if (step) {
          const options = [...option.parentElement.querySelectorAll("[data-mechanism]")]
          const next = options[(options.indexOf(option) + step + options.length) % options.length]
          for (const other of options) other.setAttribute("tabindex", other === next ? "0" : "-1")
          next.focus()
          setTriggerValue("picked", { mechanism: next.dataset.mechanism })
        } else if (event.key === " " || event.key === "Enter") apply()
        else return
        event.preventDefault()
        event.stopPropagation()
      }
    }
  }

  const drawControls = () => {
    for (const place of all(".controls")) {
      if (!data.controls.play) continue
      if (!place.children.length) {
        for (const [name, act] of Object.entries({
          play: () => path.toggle(),
          previous: () => path.move(-1),
          next: () => path.move(1),
          screen: () => (document.fullscreenElement ? document.exitFullscreen() : path.requestFullscreen()),
        })) {
          const button = document.createElement("button")
          button.type = "button"
          button.dataset.control = name
          button.onclick = act
          place.append(button)
        }
      }
      for (const button of place.children) {
        const control = button.dataset.control,
          name = control === "play" && state.playing ? "stop" : control
        if (button.dataset.shown === name) continue
        button.dataset.shown = name
        button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`
        if (control === "play") button.append(data.controls[name])
        else button.title = data.controls[name]
        button.setAttribute("aria-label", data.controls[name])
      }
    }
  }

  // ---- choosing and playing ----

  const show = stage => {
    state.chosen = stage
    draw()
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches
    const seen = all(`[data-stage="${stage}"]`).find(element => element.getClientRects().length)
    // the narrow diagram opens a stage below its box: while it plays, the box stands at the top with the stage in sight
    const block = state.playing && seen?.closest(".narrow") ? "start" : "nearest"
    if (opens) seen?.scrollIntoView({ block, behavior: calm ? "auto" : "smooth" })
    if (state.playing) find(".now").textContent = seen?.getAttribute("aria-label") ?? ""
  }
  const pick = stage => {
    stop()
    show(stage)
    state.reported = stage
    setTriggerValue("picked", { stage })
  }
  const move = (step, focused = false) => {
    stop()
    const place = data.stages.indexOf(state.chosen) + step
    if (place < 0 || place >= data.stages.length) return
    show(data.stages[place])
    if (focused) focus(state.chosen)
    clearTimeout(path.later) // a person who steps on soon is reported once
    path.later = setTimeout(report, 400)
  }
  const stop = () => {
    clearTimeout(state.timer)
    clearTimeout(path.later)
    if (!state.playing) return
    state.playing = false
    draw()
  }
  const walk = place => {
    show(data.path[place])
    state.timer = setTimeout(() => {
      if (!path.isConnected) return
      if (place + 1 < data.path.length) path.walk(place + 1)
      else path.toggle()
    }, 1000 * data.seconds)
  }
  path.walk = walk // of the latest data, for timers and buttons that outlive them
  path.move = move
  path.toggle = () => {
    if (state.playing) {
      stop()
      report()
      return
    }
    clearTimeout(path.later)
    state.playing = true
    walk(0)
  }
  const hold = () => state.playing && path.toggle()
  const held = new AbortController() // who scrolls while it plays wants to read
  for (const kind of ["wheel", "touchmove"]) addEventListener(kind, hold, { passive: true, signal: held.signal })
  path.onkeydown = event => {
    if (event.key !== "Escape" || !state.playing) return
    event.stopPropagation() // the projector has shortcuts of its own
    path.toggle()
  }
  draw()
  return () => {
    held.abort()
    clearTimeout(state.timer)
    clearTimeout(path.later)
  }
}
