// Streamlit makes an entry of the browser's history for each change of the address. Here, changes between which nobody
// pressed anything share one entry, and a change of the view alone makes none.
export default function ({ data: [quiet] }) {
  if (history.abn) return
  history.abn = true
  let acted = false
  for (const kind of ["pointerdown", "keydown", "drop"]) {
    window.addEventListener(kind, () => (acted = true), { capture: true })
  }
  const shown = address => {
    const { pathname, searchParams } = new URL(address, location)
    return pathname + JSON.stringify([...searchParams].filter(([name]) => !quiet.includes(name)).sort())
  }
  const push = history.pushState
  history.pushState = (state, title, address) => {
    const another = acted && shown(address ?? location) !== shown(location)
    acted = acted && !another
    return (another ? push : history.replaceState).call(history, state, title, address)
  }
}
