export default function ({ data: [data], parentElement, setTriggerValue }) {
  const mark = parentElement.querySelector("span"),
    tab = `${data.name} of this tab`
  const report = (text, same) => setTriggerValue("read", { text, same })
  try {
    if (data.ask && mark.asked !== data.ask) {
      mark.asked = data.ask
      const text = localStorage.getItem(data.name) ?? ""
      report(text.length > data.limit ? "" : text, sessionStorage.getItem(tab) === "yes")
    }
    if (data.write !== null) {
      sessionStorage.setItem(tab, "yes")
      if (data.write === "") localStorage.removeItem(data.name)
      else if (localStorage.getItem(data.name) !== data.write) localStorage.setItem(data.name, data.write)
    }
    mark.dataset.kept = String(data.write !== null)
  } catch {
    // storage is refused or full: nothing is kept
    if (data.ask && mark.reported !== data.ask) {
      mark.reported = data.ask
      report("", false)
    }
  }
}
