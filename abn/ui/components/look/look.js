const PAUSE = 250 // milliseconds without a change before the server hears of it

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const form = parentElement.querySelector("form")
  const send = () => {
    clearTimeout(window.abnLookTimer)
    window.abnLookTimer = setTimeout(() => setTriggerValue("picked", window.abnChosen), PAUSE)
  }
  const pending = window.abnChosen // what the server does not have yet, perhaps from the page before
  if (pending && Object.keys(data.chosen).every(name => pending[name] === data.chosen[name])) {
    window.abnChosen = window.abnLook = undefined
  } else if (pending) send()
  const chosen = { ...(window.abnChosen ?? data.chosen) }

  for (const set of form.querySelectorAll("fieldset")) {
    const name = set.dataset.name
    if (set.querySelector("input")) continue
    for (const option of data.options[name]) {
      const label = document.createElement("label"),
        input = document.createElement("input")
      Object.assign(input, { type: "radio", name, value: option })
      label.append(input, option)
      set.append(label)
    }
  }
  const show = () => {
    for (const input of form.querySelectorAll("input")) {
      if (input.type === "radio") input.checked = chosen[input.name] === input.value
      else {
        input.value = chosen[input.name]
        input.closest("label").querySelector("output").textContent = `${chosen[input.name]} %`
      }
    }
  }
  show()
  form.oninput = event => {
    const { name, value, type } = event.target
    chosen[name] = type === "range" ? Number(value) : value
    show()
    window.abnLook = {
      opacity: chosen.opacity / 100,
      colors: chosen.colors,
      table: data.tables[chosen.colors],
      smooth: chosen.cells === data.options.cells[0],
      top: chosen.top,
      mark: chosen.mark,
    }
    window.dispatchEvent(new CustomEvent("abn-look", { detail: window.abnLook }))
    window.abnChosen = { ...chosen }
    send()
  }
  form.onsubmit = event => event.preventDefault()
}
