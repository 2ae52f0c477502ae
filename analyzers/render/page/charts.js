// Charts: ECharts options drawn as SVG when they come near the window, and all of them before printing. Title, source
// and n stand in the page, where long ones wrap.
const chartPlaces = [...document.querySelectorAll('.chart[data-option]')];

function drawChart(place) {
  place.drawn?.dispose();
  const option = JSON.parse(document.getElementById(place.dataset.option).textContent);
  delete option.title;
  option.grid.top -= Number(place.dataset.header);
  option.backgroundColor = 'transparent';
  for (const axis of [option.xAxis, option.yAxis].flat()) {
    if (axis.type !== 'value') continue;
    axis.axisLabel = {...axis.axisLabel, hideOverlap: true};
    axis.splitNumber = Math.min(5, Math.max(2, Math.round(place.clientWidth / 150)));
  }
  place.drawn = echarts.init(place, 'latency-' + currentTheme(), {renderer: 'svg'});
  place.drawn.setOption(option);
}

if (typeof echarts === 'object') {
  registerLatencyBoxes(echarts);
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
    for (const {target} of changed) target.drawn.resize();
  });
  for (const place of chartPlaces) near.observe(place);
  themeListeners.push(() => chartPlaces.filter(place => place.drawn).forEach(drawChart));
}
