export function show(outlet) { outlet.textContent = "editor"; return () => {}; }
