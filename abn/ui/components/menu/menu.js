const PAUSE = 300 // milliseconds in which Streamlit would have closed it by itself

export default function () {
  if (window.abnMenu) return
  window.abnMenu = true
  const close = () =>
    document
      .querySelector("[data-testid=stSidebar][data-collapsed=false] [data-testid=stSidebarCollapseButton] button")
      ?.click()
  document.addEventListener("click", event => {
    if (event.target.closest("[data-testid=stSidebarNavLink]")) setTimeout(close, PAUSE)
  })
}
