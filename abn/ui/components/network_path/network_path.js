export default function ({ data, parentElement, setTriggerValue }) {
  const path = parentElement.querySelector(".path")
  path.setAttribute("aria-label", data.label)
  for (const kind of ["wide", "narrow"]) {
    const place = path.querySelector("." + kind)
    if (place.drawn !== data[kind]) {
      place.drawn = data[kind]
      place.innerHTML = data[kind]
    }
    for (const stage of place.querySelectorAll("[data-stage]")) {
      stage.setAttribute("aria-pressed", String(stage.dataset.stage === data.chosen))
      const pick = () => setTriggerValue("picked", stage.dataset.stage)
      stage.onclick = pick
      stage.onkeydown = event => {
        if (event.key !== " " && event.key !== "Enter") return
        event.preventDefault()
        pick()
      }
    }
  }
}
