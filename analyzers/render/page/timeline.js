// The timeline under the reader's hands: zoom, pan, hover, click to single out a component; mouse, touch and keyboard.
class Timeline {
  constructor(root) {
    this.root = root;
    this.data = new TimelineData(JSON.parse(document.getElementById(root.dataset.data).textContent));
    this.scroller = root.querySelector('.timeline-scroller');
    this.canvas = root.querySelector('canvas');
    this.hint = root.querySelector('.timeline-hint');
    this.status = root.querySelector('.timeline-status');
    this.select = root.querySelector('select');
    this.drawing = new TimelineCanvas(this.canvas, this.data);
    this.view = {from: this.data.start, to: this.data.end, scroll: 0, filter: -1, selected: null};
    if (this.view.to <= this.view.from) this.view.to = this.view.from + 1;
    this.whole = {from: this.view.from, to: this.view.to};
    this.fingers = new Map();
    this.height = this.drawing.fixed + this.drawing.rows.height;
    root.querySelector('.timeline-spacer').style.height = this.height + 'px';
    this.scroller.style.height = Math.min(this.height, 560) + 'px';
    this.nameComponents();
    this.listen();
    this.draw();
  }

  nameComponents() {
    this.data.names.slice(0, 200).forEach(([text], i) => this.select.add(new Option(text.slice(0, 80), i)));
  }

  draw() {
    const {view, scroller} = this;
    const paper = themeBeforePrint !== null;  // printing: taller, sharper
    const height = paper ? Math.min(this.height, 900) : scroller.clientHeight;
    scroller.style.height = (paper ? height : Math.min(this.height, 560)) + 'px';
    const width = paper ? paperWidth : scroller.clientWidth;
    Object.assign(view, {width, height, scroll: scroller.scrollTop, density: paper ? 3 : 0});
    this.canvas.style.height = height + 'px';
    this.drawing.draw(view);
    Object.assign(this.root.dataset, {from: view.from, to: view.to, filter: view.filter, drawn: this.drawing.drawn});
  }

  soon() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  // Keeps the view inside the recording and at least 50 ns wide.
  show(from, to) {
    const all = this.whole.to - this.whole.from;
    const length = Math.min(Math.max(to - from, Math.min(50, all)), all);
    from = Math.min(Math.max(from + (to - from - length) / 2, this.whole.from), this.whole.to - length);
    Object.assign(this.view, {from, to: from + length});
    this.hint.hidden = true;
    this.soon();
  }

  zoom(factor, x = this.view.width / 2) {
    const {from, to, width} = this.view;
    const at = from + (to - from) * x / width;
    const length = Math.min((to - from) * factor, this.whole.to - this.whole.from);
    this.show(at - length * x / width, at + length * (1 - x / width));
  }

  pan(pixels) {
    const by = pixels * (this.view.to - this.view.from) / this.view.width;
    const room = by < 0 ? this.whole.from - this.view.from : this.whole.to - this.view.to;
    const moved = by < 0 ? Math.max(by, room) : Math.min(by, room);
    this.show(this.view.from + moved, this.view.to + moved);
  }

  filter(name) {
    this.view.filter = name;
    this.select.value = String(name);
    if (this.select.selectedIndex < 0) this.select.value = '-1';
    this.soon();
  }

  // {lane, columns, item, start} under a point of the canvas, or null.
  at(x, y) {
    const {view, drawing, data} = this;
    const below = y - drawing.fixed + view.scroll;
    if (y < drawing.fixed) return null;
    const lane = drawing.rows.tops.findIndex(top => below >= top && below < top + timelineSizes.lane);
    return lane < 0 ? null : this.inLane(lane, view.from + (view.to - view.from) * x / view.width, 3);
  }

  inLane(lane, time, reachPixels) {
    const nsPerPixel = (this.view.to - this.view.from) / this.view.width;
    const number = this.data.levelFor(nsPerPixel);
    const columns = this.data.level(number)[lane];
    const item = itemAt(columns, time, reachPixels * nsPerPixel);
    return item < 0 ? null : {lane, columns, item, number, start: columns.start[item]};
  }

  describe({lane, columns, item, number}) {
    const {data} = this;
    const [name] = data.names[columns.name[item]];
    const start = columns.start[item], end = columns.end[item], count = columns.count[item], time = columns.time[item];
    const {track, depth} = data.lanes[lane];
    const block = data.blocks.find(([from, to]) => start >= from && start < to);
    const lines = [];
    if (count > 1) {
      lines.push(`${count.toLocaleString('en')} spans, mostly ${name}`);
      lines.push(`${shownDuration(time)} within ${shownDuration(end - start)} (${(100 * time / Math.max(end - start, 1)).toFixed(1)} % covered)`);
      lines.push(number + 1 < data.levels.length ? 'zoom in to tell them apart' : 'too many to tell apart here: see trace.json');
    } else {
      lines.push(name);
      lines.push(shownDuration(end - start) +
        (columns.exclusive[item] < time ? `, exclusive ${shownDuration(columns.exclusive[item])}` : ''));
    }
    lines.push(`from ${shownDuration(start)} to ${shownDuration(end)}`);
    lines.push(track.title + (track.kind === 'host thread' ? `, depth ${depth}` : '') +
      (block ? `, block ${block[2]} (${block[3]})` : ''));
    return lines;
  }

  hover(found, x, y) {
    this.hint.hidden = !found;
    if (!found) return;
    this.hint.replaceChildren(...this.describe(found).map((line, i) => {
      const row = document.createElement(i === 0 ? 'strong' : 'div');
      row.textContent = line;
      return row;
    }));
    const left = Math.min(Math.max(x + 14, 4), Math.max(this.view.width - this.hint.offsetWidth - 4, 4));
    const below = y + 18 + this.hint.offsetHeight < this.view.height + 60;
    this.hint.style.left = left + 'px';
    this.hint.style.top = (below ? y + 18 : Math.max(y - this.hint.offsetHeight - 10, 0)) + 'px';
  }

  click(found) {
    this.view.selected = found && {lane: found.lane, start: found.start};
    const name = found ? found.columns.name[found.item] : -1;
    this.filter(name === this.view.filter ? -1 : name);
    this.status.textContent = found ? this.describe(found).join('; ') : '';
  }

  // Selects the next item of the lane, or the item of the next lane at the same time.
  step(along, across) {
    const {view} = this;
    const old = view.selected || {lane: -across || 0, start: view.from};
    const lane = Math.min(Math.max(old.lane + across, 0), this.data.lanes.length - 1);
    let found = this.inLane(lane, old.start, Infinity);
    if (found && along && view.selected) {
      const item = Math.min(Math.max(found.item + along, 0), found.columns.length - 1);
      found = {...found, item, start: found.columns.start[item]};
    }
    if (!found) return;
    view.selected = {lane, start: found.start};
    const end = found.columns.end[found.item];
    if (found.start < view.from || end > view.to)
      this.show(found.start - (view.to - view.from) / 4, found.start + (view.to - view.from) * 3 / 4);
    const top = this.drawing.rows.tops[lane];
    this.scroller.scrollTop = Math.min(Math.max(this.scroller.scrollTop, top + 60 + this.drawing.fixed - view.height), top);
    this.status.textContent = this.describe(found).join('; ');
    this.soon();
  }

  key(event) {
    const actions = {
      '+': () => this.zoom(0.5), '=': () => this.zoom(0.5), '-': () => this.zoom(2),
      Home: () => this.show(this.whole.from, this.whole.to), Escape: () => this.click(null),
      ArrowLeft: () => event.shiftKey ? this.step(-1, 0) : this.pan(-this.view.width / 8),
      ArrowRight: () => event.shiftKey ? this.step(1, 0) : this.pan(this.view.width / 8),
      ArrowUp: event.shiftKey && (() => this.step(0, -1)), ArrowDown: event.shiftKey && (() => this.step(0, 1)),
      Enter: () => this.view.selected && this.click(this.inLane(this.view.selected.lane, this.view.selected.start, 1))
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    actions[event.key]();
  }

  listen() {
    const {canvas, fingers} = this;
    const place = event => {
      const box = canvas.getBoundingClientRect();
      return {x: event.clientX - box.left, y: event.clientY - box.top};
    };
    canvas.addEventListener('pointerdown', event => {
      canvas.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      this.dragged = fingers.size > 1;
    });
    canvas.addEventListener('pointermove', event => {
      const now = place(event), before = fingers.get(event.pointerId);
      if (!before) return event.pointerType === 'mouse' && this.hover(this.at(now.x, now.y), now.x, now.y);
      if (fingers.size === 2) {
        const other = [...fingers].find(([id]) => id !== event.pointerId)[1];
        this.zoom(Math.max(Math.abs(before.x - other.x), 8) / Math.max(Math.abs(now.x - other.x), 8), other.x);
      } else if (this.dragged || Math.abs(now.x - before.x) > 3) {
        this.dragged = true;
        this.pan(before.x - now.x);
      } else {
        return;
      }
      fingers.set(event.pointerId, now);
    });
    canvas.addEventListener('pointerup', event => {
      if (!fingers.delete(event.pointerId) || this.dragged) return;
      const {x, y} = place(event);
      const found = this.at(x, y);
      this.click(found);
      this.hover(found, x, y);
    });
    canvas.addEventListener('pointercancel', event => fingers.delete(event.pointerId));
    canvas.addEventListener('pointerleave', () => { this.hint.hidden = true; });
    canvas.addEventListener('dblclick', event => {
      const {x, y} = place(event);
      const found = this.at(x, y);
      if (!found) return;
      const start = found.start, length = found.columns.end[found.item] - start;
      this.show(start - length * 0.1, start + length * 1.1);
    });
    canvas.addEventListener('wheel', event => {
      if (event.ctrlKey || event.metaKey) this.zoom(1.2 ** (Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY) / 50, 3)), place(event).x);
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX || event.deltaY);
      else return;
      event.preventDefault();
    }, {passive: false});
    canvas.addEventListener('keydown', event => this.key(event));
    this.scroller.addEventListener('scroll', () => this.soon());
    new ResizeObserver(() => this.soon()).observe(this.scroller);
    themeListeners.push(() => this.draw());
    const press = (name, action) => this.root.querySelector(`button[data-do="${name}"]`).addEventListener('click', action);
    press('in', () => this.zoom(0.5));
    press('out', () => this.zoom(2));
    press('left', () => this.pan(-this.view.width / 4));
    press('right', () => this.pan(this.view.width / 4));
    press('whole', () => this.show(this.whole.from, this.whole.to));
    this.select.addEventListener('change', () => this.filter(Number(this.select.value)));
  }
}

document.querySelectorAll('.timeline').forEach(root => { root.timeline = new Timeline(root); });
