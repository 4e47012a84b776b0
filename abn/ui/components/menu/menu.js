const PAUSE = 300 // milliseconds in which Streamlit would have closed it by itself

export default function () {
  if (window.abnMenu) return
  window.abnMenu = true
  const close = () =>
    document
      .querySelector("[data-testid=stSidebar][data-collapsed=false] [data-testid=stSidebarCollapseButton] button")
      ?.click()
  let closing
  document.addEventListener("click", event => {
    clearTimeout(closing) // the menu may have been opened again
    if (event.target.closest("[data-testid=stSidebarNavLink]")) closing = setTimeout(close, PAUSE)
  })
}
