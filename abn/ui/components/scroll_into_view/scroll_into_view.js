export default function ({ data: [{ target, what, at_first }], parentElement }) {
  const mark = parentElement.querySelector("span")
  if (mark.shown === undefined ? at_first : mark.shown !== what) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches
    const where = { block: "nearest", inline: "center", behavior: calm || mark.shown === undefined ? "auto" : "smooth" }
    document.querySelector(target)?.scrollIntoView(where) // no movement where it is in sight already
  }
  mark.shown = what
}
