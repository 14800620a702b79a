// When to draw what changed: once a frame at most, and not while a mouse button, a finger or the space
// bar is down. An element that is replaced between press and release gets no click.

let isPressed = false;
const held = new Set();

/** Returns a function that requests one call of `draw` in the next frame. */
export function redraws(draw) {
  let isRequested = false;
  const run = () => {
    if (isPressed) return held.add(run);
    isRequested = false;
    draw();
  };
  return () => {
    if (!isRequested) requestAnimationFrame(run);
    isRequested = true;
  };
}

// The click follows the release in the same task.
function release() {
  setTimeout(() => {
    isPressed = false;
    for (const run of [...held]) {
      held.delete(run);
      run();
    }
  });
}

addEventListener("pointerdown", ({ button }) => { isPressed ||= button === 0; }, true);
addEventListener("keydown", ({ key }) => { isPressed ||= key === " "; }, true);
for (const type of ["pointerup", "pointercancel", "keyup"]) addEventListener(type, release, true);
// A scroll bar reports no release.
addEventListener("pointermove", ({ buttons }) => isPressed && buttons === 0 && release(), true);
