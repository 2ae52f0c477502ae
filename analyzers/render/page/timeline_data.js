// The timeline's data: unpacks the levels that analyzers/render/timeline_data.cpp packed, when they are first needed,
// and finds items in them. All times in nanoseconds.
class TimelineData {
  constructor(json) {
    Object.assign(this, json);
    this.lanes = [];  // of all tracks, from top to bottom
    this.tracks = json.tracks.map(([title, kind, first, count, intervals]) => {
      const track = {title, kind, first, count, intervals};
      for (let i = 0; i < count; ++i) this.lanes.push({track, depth: i});
      return track;
    });
  }

  // The coarsest level that shows everything a pixel wide.
  levelFor(nsPerPixel) {
    const fits = this.levels.findIndex(([resolution]) => resolution <= nsPerPixel);
    return fits < 0 ? this.levels.length - 1 : fits;
  }

  // One object of columns for each lane.
  level(number) {
    const level = this.levels[number];
    if (typeof level[1] === 'string') level[1] = unpackLevel(level[1], this.lanes.length, this.start);
    return level[1];
  }

  exact(number) {
    return this.levels[number][0] === 0;
  }
}

function unpackLevel(text, laneCount, origin) {
  const bytes = atob(text);
  let at = 0;
  const next = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = bytes.charCodeAt(at++);
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte > 127);
    return value;
  };
  const lanes = [];
  for (let l = 0; l < laneCount; ++l) {
    const length = next();
    const lane = {length, name: new Uint16Array(length)};
    for (const column of ['start', 'end', 'count', 'time', 'exclusive', 'most']) lane[column] = new Float64Array(length);
    let end = origin;
    for (let i = 0; i < length; ++i) {
      const start = end + next();
      end = start + next();
      const name = next();
      const several = name % 2 === 1;
      const count = several ? next() : 1;
      const time = end - start - (several ? next() : 0);
      lane.start[i] = start;
      lane.end[i] = end;
      lane.name[i] = (name - name % 2) / 2;
      lane.count[i] = count;
      lane.time[i] = time;
      lane.exclusive[i] = time - next();
      lane.most[i] = time - (several ? next() : 0);
    }
    lanes.push(lane);
  }
  return lanes;
}

// Index of the first item of the lane that ends after `time`.
function firstEndingAfter(lane, time) {
  let low = 0, high = lane.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.end[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The item at `time`, or the nearest within `reach`; -1 without one.
function itemAt(lane, time, reach) {
  const after = firstEndingAfter(lane, time);
  const distance = i => i < 0 || i >= lane.length ? Infinity : Math.max(lane.start[i] - time, time - lane.end[i], 0);
  const nearest = distance(after) <= distance(after - 1) ? after : after - 1;
  return distance(nearest) <= reach ? nearest : -1;
}

// "12.35 ms": as render/display.cpp shows durations.
function shownDuration(ns) {
  const size = Math.abs(ns);
  const [divisor, unit] = size >= 100e9 ? [1e9, 's'] : size >= 1e6 ? [1e6, 'ms'] : size >= 1e3 ? [1e3, 'us'] : [1, 'ns'];
  const value = ns / divisor;
  return (unit === 'ns' ? String(value) : value.toFixed(Math.abs(value) >= 100 ? 1 : 3)) + ' ' + unit;
}
