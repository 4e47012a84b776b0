"""The words of Camera, in the order of the page."""

TITLE = "Camera"
PURPOSE = "One variant on the frames of a camera: its attention map and the predictions of both heads, in real time."
CAMERA = {
    "intro": "Start the camera. The attention map M of the chosen variant then lies over the video. The most probable "
    "class of each head appears here. “Freeze this frame” uses the current frame as the image on every page.",
    "refused": "The browser doesn't let this page use the camera. Allow it in the address bar, then start again.",
    "none": "No camera was found. Upload a photo in the menu Image of Compare.",
    "insecure": "Browsers allow the camera only on https or on localhost. Take a photo in the menu Image of Compare.",
}
FROZEN = "The frozen frame is now the image on all pages:"
FRAME_NAME = "camera frame"
MAP_ALT = "Attention map of {title} on the video"
PRIVACY = (
    "The server gets one small frame at a time, computes its map and predictions, and deletes it. The map belongs to "
    "that frame, so it lags behind the video."
)
