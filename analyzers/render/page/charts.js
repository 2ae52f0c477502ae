// Charts: ECharts options drawn as SVG when they come near the window, and all of them before printing. Title, source,
// n and legend stand in the page, where long ones wrap.
const chartPlaces = [...document.querySelectorAll('.chart[data-option]')];
const narrowest = 600;  // pixels, for names beside bars

function drawChart(place) {
  place.drawn?.dispose();
  place.wholeHeight ??= parseFloat(place.style.height);
  place.hiddenSeries ??= {};
  const option = JSON.parse(document.getElementById(place.dataset.option).textContent);
  delete option.title;
  option.grid.top -= Number(place.dataset.header);
  let height = place.wholeHeight;
  if (option.legend.show) {
    height -= option.grid.bottom - 14;
    option.grid.bottom = 14;
    showLegend(place, option);
    option.legend = {show: false, data: option.legend.data, selected: place.hiddenSeries};
  }
  option.backgroundColor = 'transparent';
  for (const axis of [option.xAxis, option.yAxis])
    if (axis.type === 'value') axis.splitNumber = Math.min(5, Math.max(2, Math.round(place.clientWidth / 150)));
  if (place.clientWidth < narrowest && option.yAxis.type === 'category') height = namesAboveBars(option, height);
  place.style.height = height + 'px';
  place.drawnWidth = place.clientWidth;
  place.drawn = echarts.init(place, 'latency-' + currentTheme(), {renderer: 'svg', width: place.clientWidth, height});
  place.drawn.setOption(option);
  thinMarkLabels(place.drawn, option);
}

// A button for each series with a name, which takes it out of the chart and puts it back.
function showLegend(place, option) {
  if (!place.legend) {
    place.legend = document.createElement('div');
    place.legend.className = 'legend';
    place.after(place.legend);
  }
  const seen = new Set();
  place.legend.replaceChildren(...option.series.filter(({name}) => name && !seen.has(name) && seen.add(name)).map(series => {
    const button = document.createElement('button'), swatch = document.createElement('span');
    button.type = 'button';
    button.ariaPressed = place.hiddenSeries[series.name] !== false;
    swatch.style.background = series.color;
    button.append(swatch, series.name);
    button.addEventListener('click', () => {
      const shown = place.hiddenSeries[series.name] = place.hiddenSeries[series.name] === false;
      button.ariaPressed = shown;
      place.drawn.dispatchAction({type: shown ? 'legendSelect' : 'legendUnSelect', name: series.name});
    });
    return button;
  }));
}

// For a narrow page; returns the height that this takes.
function namesAboveBars(option, height) {
  const bars = option.series.filter(({type}) => type === 'bar');
  const side = bars.some(({stack}) => stack) ? 1 : Math.max(bars.length, 1);
  const bar = 12, letters = 18, rows = option.yAxis.data.length;
  const group = side * bar * 1.3;
  for (const series of bars) series.barMaxWidth = bar;
  option.yAxis.axisLabel = {...option.yAxis.axisLabel, inside: true, margin: 0, verticalAlign: 'bottom',
                            padding: [0, 0, group / 2 + 3, 3], width: 330, overflow: 'truncate'};
  option.yAxis.z = 3;
  option.grid.top += letters / 2;
  return option.grid.top + option.grid.bottom + 44 + rows * (group + letters + 6);
}

if (typeof echarts === 'object') {
  registerLatencyBoxes(echarts, () => currentTheme() === 'dark');
  for (const theme of ['light', 'dark'])
    echarts.registerTheme('latency-' + theme, JSON.parse(document.getElementById('theme-' + theme).textContent));
  const near = new IntersectionObserver(seen => {
    for (const {target, isIntersecting} of seen) {
      if (!isIntersecting || target.drawn) continue;
      drawChart(target);
      widths.observe(target);
    }
  }, {rootMargin: '400px'});
  const widths = new ResizeObserver(changed => {
    for (const {target} of changed) if (target.clientWidth !== target.drawnWidth) drawChart(target);
  });
  for (const place of chartPlaces) near.observe(place);
  themeListeners.push(() => chartPlaces.filter(place => place.drawn).forEach(drawChart));
}
