// Draws charts::box: one rectangle for each row [x0, x1, y0, y1, label, colour] of a custom series whose renderItem is
// "latency_boxes". The colour "text" is that of the page's text; isDark() tells what that is. The same in the page and in
// Duktape, so: ECMAScript 5.
function registerLatencyBoxes(echarts, isDark) {
  var darkInk = '#1f2328', lightInk = '#ffffff';
  function inkOn(colour) {  // what reads better on it; a see-through one shows the page
    if (colour.length > 7) return isDark() ? lightInk : darkInk;
    var rgb = parseInt(colour.slice(1), 16);
    return 0.299 * (rgb >> 16) + 0.587 * ((rgb >> 8) & 255) + 0.114 * (rgb & 255) > 150 ? darkInk : lightInk;
  }
  echarts.registerCustomSeries('latency_boxes', function (params, api) {
    var near = api.coord([api.value(0), api.value(2)]);
    var far = api.coord([api.value(1), api.value(3)]);
    var box = {
      x: Math.min(near[0], far[0]),
      y: Math.min(near[1], far[1]),
      width: Math.max(Math.abs(far[0] - near[0]), 0.5),
      height: Math.abs(far[1] - near[1])
    };
    var seen = echarts.graphic.clipRectByRect(box, params.coordSys);
    if (!seen) return;
    var colour = api.value(5) || api.visual('color');
    if (colour === 'text') colour = isDark() ? lightInk : darkInk;
    var label = String(api.value(4) || '');
    var shape = {
      type: 'rect',
      shape: seen,
      style: {fill: colour, stroke: isDark() ? '#16191d80' : '#ffffff80', lineWidth: seen.width > 3 ? 0.5 : 0}
    };
    var size = Math.min(11, seen.height - 3);
    var room = seen.width - 6;
    if (label && size >= 8 && (room > 5 * size || room > 0.65 * size * label.length)) {
      shape.textContent = {
        type: 'text',
        style: {text: label, fontSize: size, fill: inkOn(colour), width: room, overflow: 'truncate',
                ellipsis: '…'}
      };
      shape.textConfig = {position: 'insideLeft', distance: 4};
    }
    return shape;
  });
}
