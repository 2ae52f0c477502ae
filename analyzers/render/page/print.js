// Paper is light, and has no "near the window": everything is drawn before it is printed, as wide as A4 and Letter have
// room for. The layout for paper comes only after that.
const printing = matchMedia('print');
const paperWidth = 700;
let themeBeforePrint = null;

function preparePrint() {
  if (themeBeforePrint !== null) return;
  themeBeforePrint = currentTheme();
  for (const place of chartPlaces) place.style.width = paperWidth + 'px';
  setTheme('light');
  if (typeof echarts === 'object') chartPlaces.filter(place => !place.drawn).forEach(drawChart);
}

function afterPrint() {
  if (themeBeforePrint === null) return;
  const theme = themeBeforePrint;
  themeBeforePrint = null;
  for (const place of chartPlaces) place.style.width = '';
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
