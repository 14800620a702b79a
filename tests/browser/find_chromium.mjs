// Debian's chromium, by whichever of its names it has here.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

/** Starts a browser. */
export function launch() {
  const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-background-networking"] });
}
