// Light or dark: as the system prefers until the reader presses the button; remembered where the browser lets a
// local file remember. Runs before anything is drawn. `themeChanged` is called with every change.
const systemPrefersDark = matchMedia('(prefers-color-scheme: dark)');
const themeListeners = [];

function storedTheme(value) {
  try {
    if (value) localStorage.setItem('latency-theme', value);
    return localStorage.getItem('latency-theme');
  } catch {
    return null;
  }
}

function currentTheme() {
  return document.documentElement.dataset.theme;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  for (const changed of themeListeners) changed();
}

function systemTheme() {
  return systemPrefersDark.matches ? 'dark' : 'light';
}

setTheme(storedTheme() || systemTheme());
systemPrefersDark.addEventListener('change', () => storedTheme() || setTheme(systemTheme()));
