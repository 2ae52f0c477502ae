// Of marks that stand so close that the name of one would cover that of another, the later one loses its name. The same in
// the page and in Duktape, so: ECMAScript 5.
function thinMarkLabels(chart, option) {
  var letter = 6.5, apart = 8;  // pixels
  var marks = [];
  option.series.forEach(function (series) {
    if (series.markLine) marks = series.markLine.data.filter(function (mark) { return mark.xAxis !== undefined; });
  });
  marks.sort(function (a, b) { return a.xAxis - b.xAxis; });
  var free = -Infinity, thinned = false;
  marks.forEach(function (mark) {
    var centre = chart.convertToPixel({xAxisIndex: 0}, mark.xAxis), half = letter * mark.name.length / 2;
    if (centre - half < free) {
      mark.label.show = false;
      thinned = true;
    } else {
      free = centre + half + apart;
    }
  });
  if (thinned) chart.setOption({series: option.series});
}
