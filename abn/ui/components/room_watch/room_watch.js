const INTERVAL = 500 // milliseconds between two questions to the server
const PATIENCE = 3000 // until a change that the page has not followed is reported again

export default function ({ data: [data], parentElement, setTriggerValue }) {
  const line = parentElement.querySelector("p")
  line.hidden = !data.counter
  line.textContent = data.counter
  let reported = 0,
    ended = false
  const look = async () => {
    try {
      const response = await fetch(new URL(data.address, document.baseURI), { cache: "no-store" })
      const { scene, counter } = response.ok ? await response.json() : { scene: null, counter: "" }
      if (ended) return
      if (data.counter && counter) line.textContent = counter
      if (!data.counter && scene !== data.scene && Date.now() - reported > PATIENCE) {
        reported = Date.now()
        setTriggerValue("changed", reported)
      }
    } catch {
      // the server doesn't reply: Streamlit shows that, and the next question may be answered
    }
  }
  const timer = setInterval(look, INTERVAL)
  const lookAtOnce = () => document.hidden || look() // a phone that slept
  document.addEventListener("visibilitychange", lookAtOnce)
  line.leave?.()
  line.leave = () => {
    ended = true
    clearInterval(timer)
    document.removeEventListener("visibilitychange", lookAtOnce)
  }
  return line.leave
}
