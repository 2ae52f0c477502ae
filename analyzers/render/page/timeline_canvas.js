// Draws what a view of the timeline shows: {from, to} in ns, {width, height, scroll} in pixels, `filter` (the number of
// a name, or -1), `selected` ({lane, item} or null).
const timelineSizes = {ruler: 22, marks: 20, title: 20, lane: 18, gap: 6};

const timelineColours = {
  light: {text: '#1f2328', faint: '#57606a', line: '#d8dee4', page: '#ffffff', quiet: '#d0d7de', block: '#e9edf1',
          blockEdge: '#8c959f', switch: '#a0336f', late: '#b84700', onTime: '#007253'},
  dark: {text: '#e6e8eb', faint: '#a4adb8', line: '#30363d', page: '#16191d', quiet: '#3a4048', block: '#262b31',
         blockEdge: '#6e7681', switch: '#f29ac6', late: '#ff9a57', onTime: '#4cc9a0'}
};

function tickStep(span, room) {  // 1, 2 or 5 times a power of ten, so that `room` ticks are not exceeded
  const least = span / Math.max(room, 1);
  const power = 10 ** Math.floor(Math.log10(least));
  return power * [1, 2, 5, 10].find(f => f * power >= least);
}

// Top of each lane and title below the fixed rows, and the whole height.
function timelineRows(data) {
  const {title, lane, gap} = timelineSizes;
  let y = 0;
  const tops = [];
  for (const track of data.tracks) {
    track.top = y;
    y += title;
    for (let i = 0; i < track.count; ++i, y += lane) tops.push(y);
    y += gap;
  }
  return {tops, height: y};
}

class TimelineCanvas {
  constructor(canvas, data) {
    this.canvas = canvas;
    this.data = data;
    this.rows = timelineRows(data);
    if (data.switches.length > 0) this.rows.height += timelineSizes.marks;  // their labels
    const hasMarks = data.blocks.length + data.switches.length + data.pixel_frames.length > 0;
    this.fixed = timelineSizes.ruler + (hasMarks ? timelineSizes.marks : 0);
    this.letters = data.names.map(([text]) => [...text]);
    this.onColour = data.names.map(([, colour]) => {
      const rgb = parseInt(colour.slice(1), 16);
      return 0.299 * (rgb >> 16) + 0.587 * ((rgb >> 8) & 255) + 0.114 * (rgb & 255) > 150 ? '#1f2328' : '#ffffff';
    });
  }

  draw(view) {
    const {canvas, data} = this;
    const density = view.density || devicePixelRatio || 1;
    canvas.width = Math.round(view.width * density);
    canvas.height = Math.round(view.height * density);
    const c = this.c = canvas.getContext('2d');
    c.scale(density, density);
    this.view = view;
    this.colours = timelineColours[currentTheme()];
    this.drawn = 0;
    c.fillStyle = this.colours.page;
    c.fillRect(0, 0, view.width, view.height);
    c.textBaseline = 'middle';
    this.drawBlocks();
    this.drawLanes(data.levelFor((view.to - view.from) / view.width));
    c.fillStyle = this.colours.page;
    c.fillRect(0, 0, view.width, this.fixed);
    this.drawMarks();
    this.drawRuler();
  }

  x(time) {
    return (time - this.view.from) / (this.view.to - this.view.from) * this.view.width;
  }

  text(text, x, y, colour, size = 11, weight = '') {
    this.c.fillStyle = colour;
    this.c.font = `${weight} ${size}px Helvetica, Arial, sans-serif`;
    this.c.fillText(text, x, y);
  }

  drawLanes(number) {
    const {c, data, view, rows, fixed, colours} = this;
    const lanes = data.level(number);
    for (const track of data.tracks) {
      const y = fixed + track.top - view.scroll + timelineSizes.title / 2 + 2;
      if (y > fixed - 20 && y < view.height + 20)
        this.text(`${track.title}  ·  ${track.kind}, n = ${track.intervals.toLocaleString('en')}`, 4, y, colours.faint);
    }
    c.font = '11px Helvetica, Arial, sans-serif';
    for (let l = 0; l < lanes.length; ++l) {
      const top = fixed + rows.tops[l] - view.scroll;
      if (top > -timelineSizes.lane && top < view.height) this.drawLane(lanes[l], l, top);
    }
  }

  drawLane(lane, number, top) {
    const {c, data, view, colours} = this;
    const height = timelineSizes.lane - 2;
    let lastPixel = -1;
    for (let i = firstEndingAfter(lane, view.from); i < lane.length && lane.start[i] < view.to; ++i) {
      const left = Math.max(this.x(lane.start[i]), -1);
      const right = Math.min(this.x(lane.end[i]), view.width + 1);
      const width = Math.max(right - left, 1);
      if (right - left < 1) {  // one of those that share a pixel is enough
        if (Math.floor(left) === lastPixel) continue;
        lastPixel = Math.floor(left);
      }
      ++this.drawn;
      const name = lane.name[i];
      const shown = view.filter < 0 || view.filter === name;
      c.fillStyle = shown ? data.names[name][1] : colours.quiet;
      if (lane.count[i] > 1) {  // as tall as the part of its time that it covers
        const part = Math.max(height * lane.time[i] / Math.max(lane.end[i] - lane.start[i], 1), 1);
        c.globalAlpha = 0.25;
        c.fillRect(left, top, width, height - part);
        c.globalAlpha = 1;
        c.fillRect(left, top + height - part, width, part);
      } else {
        c.fillRect(left, top, width > 3 ? width - 0.75 : width, height);
        if (width > 24) this.label(this.letters[name], left, top, width, shown ? this.onColour[name] : colours.text);
      }
      if (view.selected && view.selected.lane === number && view.selected.start === lane.start[i]) {
        c.strokeStyle = colours.text;
        c.lineWidth = 2;
        c.strokeRect(left, top, width, height);
      }
    }
  }

  label(letters, left, top, width, colour) {
    const room = Math.floor((width - 6) / 6);
    if (letters.length > room && room < 7) return;  // the beginning of a name names nothing
    const text = letters.length <= room ? letters : [...letters.slice(0, Math.max(room - 1, 1)), '…'];
    this.c.fillStyle = colour;
    this.c.fillText(text.join(''), Math.max(left, 0) + 3, top + (timelineSizes.lane - 2) / 2 + 0.5);
  }

  // Behind the lanes: where blocks begin, and blocks with a prompt switch shaded.
  drawBlocks() {
    const {c, data, view, colours} = this;
    for (const [start, end, , kind] of data.blocks) {
      if (end < view.from || start > view.to) continue;
      const left = this.x(start), width = this.x(end) - left;
      if (kind === 'switch') {
        c.globalAlpha = 0.12;
        c.fillStyle = colours.switch;
        c.fillRect(left, this.fixed, Math.max(width, 1), view.height);
        c.globalAlpha = 1;
      }
      if (width < 4) continue;
      c.fillStyle = colours.line;
      c.fillRect(left, this.fixed, 1, view.height);
    }
  }

  drawMarks() {
    const {c, data, view, colours} = this;
    if (this.fixed === timelineSizes.ruler) return;
    const top = timelineSizes.ruler, height = timelineSizes.marks - 3;
    for (const [start, end, index, kind] of data.blocks) {
      if (end < view.from || start > view.to) continue;
      const left = Math.max(this.x(start), 0), width = Math.max(Math.min(this.x(end), view.width) - left, 1);
      c.fillStyle = colours.block;
      c.fillRect(left, top, width, height);
      c.fillStyle = kind === 'switch' ? colours.switch : colours.blockEdge;
      c.fillRect(left, top, 1, height);
      const words = [`block ${index}, ${kind}`, `block ${index}`, `${index}`].find(w => w.length * 5.8 + 8 < width);
      if (words) this.text(words, left + 4, top + height / 2 + 1, colours.text);
    }
    for (const [time, , late] of data.pixel_frames) {
      if (time < view.from || time > view.to) continue;
      c.fillStyle = late > 0 ? colours.late : colours.onTime;
      c.fillRect(this.x(time) - 0.5, top + height - (late > 0 ? 8 : 5), 1.5, late > 0 ? 8 : 5);
    }
    for (const [time, label] of data.switches) {
      if (time < view.from || time > view.to) continue;
      const x = this.x(time);
      c.strokeStyle = colours.switch;
      c.lineWidth = 1.5;
      c.setLineDash([4, 3]);
      c.beginPath();
      c.moveTo(x, timelineSizes.ruler - 4);
      c.lineTo(x, view.height);
      c.stroke();
      c.setLineDash([]);
    }
    this.drawSwitchLabels();
  }

  // Along the bottom; one that would cover another is left out.
  drawSwitchLabels() {
    const {c, data, view, colours} = this;
    let free = 0;
    for (const [time, label] of data.switches) {
      const width = label.length * 6.6 + 8;
      const left = Math.min(this.x(time) + 2, view.width - width);
      if (time < view.from || time > view.to || left < free) continue;
      free = left + width;
      c.fillStyle = colours.page;
      c.fillRect(left, view.height - 16, width, 16);
      this.text(label, left + 4, view.height - 8, colours.switch, 11, 'bold');
    }
  }

  drawRuler() {
    const {c, view, colours} = this;
    const span = view.to - view.from;
    const step = tickStep(span, view.width / 90);
    const [divisor, unit] = step >= 1e9 ? [1e9, 's'] : step >= 1e3 * 10 ? [1e6, 'ms'] : step >= 10 ? [1e3, 'us'] : [1, 'ns'];
    const decimals = Math.max(0, -Math.floor(Math.log10(step / divisor) + 1e-9));
    for (let tick = Math.ceil(view.from / step) * step; tick <= view.to; tick += step) {
      const x = this.x(tick);
      c.fillStyle = colours.blockEdge;
      c.fillRect(x, timelineSizes.ruler - 6, 1, 5);
      const words = `${(tick / divisor).toFixed(decimals)} ${unit}`;
      if (x + words.length * 6 < view.width) this.text(words, x + 3, timelineSizes.ruler / 2 - 1, colours.faint);
    }
  }
}
