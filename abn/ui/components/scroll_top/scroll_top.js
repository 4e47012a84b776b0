export default function ({ data: [data], parentElement }) {
  const mark = parentElement.querySelector("span")
  if (mark.shown !== undefined && mark.shown !== data) {
    const main = document.querySelector("[data-testid='stMain']")
    main.scrollTo({ top: 0 })
    const begin = main.querySelector("h3") ?? main
    begin.tabIndex = -1
    begin.focus({ preventScroll: true }) // the button that was pressed is gone: the keyboard goes on from here too
  }
  mark.shown = data
}
