// Loads the page again if one of its files could not be loaded: without a script it would stay empty, and
// nothing on it would say why. No module, so it runs before the others, and does not depend on them.

(() => {
  /** How often the page is loaded again before it is left as it is. */
  const MOST = 3;
  const KEY = "docket-reloads";
  let isComplete = true;

  const reload = () => {
    if (!isComplete) return;
    isComplete = false;
    try {
      const reloads = Number(sessionStorage.getItem(KEY));
      if (reloads >= MOST) return;
      sessionStorage.setItem(KEY, String(reloads + 1));
    } catch {
      return; // Without storage it could go on forever.
    }
    setTimeout(() => location.reload(), 500);
  };

  // Only elements report a file that could not be loaded; errors of running scripts have the window as target.
  addEventListener("error", ({ target }) => {
    if (target instanceof HTMLScriptElement) reload();
  }, true);

  // A deferred script runs once each style sheet was loaded, or could not be: then its rules cannot be read.
  for (const { sheet } of document.querySelectorAll("link[rel=stylesheet]")) {
    try {
      if (sheet.cssRules.length === 0) reload();
    } catch {
      reload();
    }
  }

  addEventListener("load", () => {
    if (!isComplete) return;
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      // Nothing was stored.
    }
  });
})();
