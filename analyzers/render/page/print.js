// Paper is light, and has no "near the window": everything is drawn before it is printed.
const printing = matchMedia('print');
let themeBeforePrint = null;

function preparePrint() {
  if (themeBeforePrint !== null) return;
  themeBeforePrint = currentTheme();
  setTheme('light');
  if (typeof echarts === 'object')
    for (const place of chartPlaces) {
      if (!place.drawn) drawChart(place);
      place.drawn.resize();
    }
}

function afterPrint() {
  if (themeBeforePrint === null) return;
  const theme = themeBeforePrint;
  themeBeforePrint = null;
  setTheme(theme);
}

addEventListener('beforeprint', preparePrint);
addEventListener('afterprint', afterPrint);
printing.addEventListener('change', () => printing.matches ? preparePrint() : afterPrint());

const themeButton = document.getElementById('theme');
function nameThemeButton() {
  themeButton.textContent = currentTheme() === 'dark' ? 'Light page' : 'Dark page';
}
themeButton.addEventListener('click', () => setTheme(storedTheme(currentTheme() === 'dark' ? 'light' : 'dark')
  || (currentTheme() === 'dark' ? 'light' : 'dark')));
themeListeners.push(nameThemeButton);
nameThemeButton();
