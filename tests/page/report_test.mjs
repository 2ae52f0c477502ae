// The report of `latency plot` in a real browser.
import assert from 'node:assert/strict';
import path from 'node:path';
import {after, before, test} from 'node:test';
import {launch, open, plot, repository, seeAll} from './browser.mjs';
import {empty, hostile, hostileNames, late, many, oneSpan, sample, trace} from './inputs.mjs';

let browser, page, complaints;
before(async () => { browser = await launch(); });
after(() => browser.close());

const reports = {};
const report = (name, files, more) => reports[name] ??= plot(name, files, more);
const visit = async (file, options) => ({page, complaints} = await open(browser, file, options));
const timeline = () => page.locator('.timeline').first();
const state = async key => Number(await timeline().getAttribute('data-' + key));
const settled = () => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
// Different colours on the canvas.
const colours = () => page.evaluate(() => {
  const canvas = document.querySelector('.timeline canvas');
  const pixels = new Uint32Array(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
  return new Set(pixels).size;
});
// Colour of the canvas at a time and height, as "#rrggbb".
const colourAt = (time, y) => page.evaluate(([time, y]) => {
  const {canvas, drawing, view} = document.querySelector('.timeline').timeline;
  const density = canvas.width / view.width;
  const [r, g, b] = canvas.getContext('2d').getImageData(Math.floor(drawing.x(time) * density), Math.floor(y * density), 1, 1).data;
  return '#' + [r, g, b].map(v => v.toString(16).padStart(2, '0')).join('');
}, [time, y]);
// Middle of the widest item of a lane, on the screen.
const itemIn = lane => page.evaluate(lane => {
  const t = document.querySelector('.timeline').timeline;
  const columns = t.data.level(t.data.levelFor((t.view.to - t.view.from) / t.view.width))[lane];
  let widest = 0;
  for (let i = 0; i < columns.length; ++i)
    if (columns.end[i] - columns.start[i] > columns.end[widest] - columns.start[widest]) widest = i;
  const box = t.canvas.getBoundingClientRect();
  return {x: box.left + t.drawing.x((columns.start[widest] + columns.end[widest]) / 2),
          y: box.top + t.drawing.fixed + t.drawing.rows.tops[lane] + 8 - t.view.scroll,
          time: (columns.start[widest] + columns.end[widest]) / 2, row: t.drawing.fixed + t.drawing.rows.tops[lane] + 2,
          name: columns.name[widest], colour: t.data.names[columns.name[widest]][1], text: t.data.names[columns.name[widest]][0]};
}, lane);

// Texts of charts that are cut off at the edge of their picture.
const cutOff = () => page.$$eval('.chart svg', all => all.flatMap(svg => {
  const outer = svg.getBoundingClientRect();
  return [...svg.querySelectorAll('text')].filter(text => {
    const {left, right, top, bottom} = text.getBoundingClientRect();
    return left < outer.left - 1 || right > outer.right + 1 || top < outer.top - 1 || bottom > outer.bottom + 1;
  }).map(text => text.textContent);
}));

const inputs = {
  sample: () => [sample], trace: () => [trace], hostile: () => [hostile()], empty: () => [empty()], one_span: () => [oneSpan()],
  many: () => [many()], two_files: () => [sample, hostile()]
};
for (const [name, files] of Object.entries(inputs)) {
  test(`${name}: nothing fails, nothing is fetched, everything is drawn, at both widths`, async () => {
    for (const options of [{}, {width: 390, height: 800, touch: true, colorScheme: 'dark'}]) {
      await visit(report(name, files()), options);
      await seeAll(page);
      for (const chart of await page.locator('.chart').all())
        assert.ok(await chart.locator('svg path, svg rect, svg text').count() > 3, 'an empty chart: ' + await chart.getAttribute('aria-label'));
      assert.deepEqual(await cutOff(), []);
      for (const one of await page.locator('.timeline').all())
        assert.ok(Number(await one.getAttribute('data-drawn')) > 0, 'an empty timeline');
      assert.ok(await overflow() <= 0, `the page is wider than ${options.width ?? 1280}`);
      assert.equal(await page.evaluate(() => window.hacked), undefined);
      assert.deepEqual(complaints, []);
      await page.context().close();
    }
  });
}

test('hostile names show as text: in tables, charts, the timeline and its list', async () => {
  await visit(report('hostile', [hostile()]));
  await seeAll(page);
  const text = await page.evaluate(() => document.body.innerText + document.querySelector('select').innerText);
  for (const name of hostileNames.slice(0, 5)) assert.ok(text.includes(name), 'not on the page: ' + name);
  assert.equal(await page.title(), 'Latency report');
  for (let lane = 0; lane < 3; ++lane) {
    const item = await itemIn(lane);
    await page.mouse.move(item.x, item.y);
    assert.ok((await page.locator('.timeline-hint').innerText()).includes(item.text.slice(0, 20).trim()));
  }
  const bar = page.locator('.chart svg path[fill]');
  for (let i = 0; i < Math.min(await bar.count(), 40); ++i) await bar.nth(i).dispatchEvent('mousemove');
  assert.equal(await page.locator('main img, main svg[onload], main b').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(complaints, []);
});

test('the timeline zooms, pans, and comes back', async () => {
  await visit(report('sample', [sample]));
  const whole = [await state('from'), await state('to')];
  assert.deepEqual(whole, [0, 1.1e9]);
  await page.click('[data-do=in]');
  await settled();
  assert.deepEqual([await state('from'), await state('to')], [0.275e9, 0.825e9]);
  await page.click('[data-do=right]');
  await settled();
  assert.equal(await state('from'), 0.4125e9);
  const canvas = await page.locator('.timeline canvas').boundingBox();
  await page.mouse.move(canvas.x + 200, canvas.y + 60);
  await page.keyboard.down('Control');
  await page.mouse.wheel(0, -120);
  await page.keyboard.up('Control');
  await settled();
  assert.ok(await state('to') - await state('from') < 0.5e9, 'Ctrl + wheel zooms');
  const before = await state('from');
  await page.mouse.down();
  await page.mouse.move(canvas.x + 300, canvas.y + 60, {steps: 4});
  await page.mouse.up();
  await settled();
  assert.ok(await state('from') < before, 'dragging to the right shows what came earlier');
  await page.locator('.timeline canvas').focus();
  await page.keyboard.press('Home');
  await settled();
  assert.deepEqual([await state('from'), await state('to')], whole);
  assert.deepEqual(complaints, []);
});

test('hovering shows the figures of a span, a click singles its component out', async () => {
  await visit(report('sample', [sample]));
  await timeline().scrollIntoViewIfNeeded();
  const item = await itemIn(0);
  await page.mouse.move(item.x, item.y);
  const hint = await page.locator('.timeline-hint').innerText();
  assert.match(hint, /interactive_inference\n1080\.0 ms, exclusive 220\.0 ms\nfrom 10\.000 ms to 1090\.0 ms/);
  const before = await colours();
  const inner = await itemIn(1);
  await page.mouse.click(inner.x, inner.y);
  await settled();
  assert.equal(await state('filter'), inner.name);
  assert.equal(await page.locator('.timeline select').inputValue(), String(inner.name));
  assert.ok(await colours() < before, 'the others lose their colours');
  assert.equal(await colourAt(inner.time, inner.row), inner.colour);
  assert.notEqual(await colourAt(item.time, item.row), item.colour);
  await page.locator('.timeline canvas').focus();
  await page.keyboard.press('Escape');
  await settled();
  assert.equal(await state('filter'), -1);
  assert.equal(await colours(), before);
  await page.locator('.timeline select').selectOption({index: 2});
  await settled();
  assert.equal(await state('filter'), 1);
});

test('what comes late is marked where it came, and so are blocks and switches', async () => {
  await visit(report('late', [late()]));
  const tickAt = async time => {  // zoomed in until a tick covers a pixel; above those that are on time
    const height = await page.evaluate(time => {
      const {timeline} = document.querySelector('.timeline');
      timeline.show(time - 2000, time + 2000);
      timeline.draw();
      return timelineSizes.ruler + timelineSizes.marks - 3 - 7;
    }, time);
    return colourAt(time, height);
  };
  const lateColour = await page.evaluate(() => timelineColours.light.late);
  assert.equal(await tickAt(620000000), lateColour);
  assert.equal(await tickAt(359910000), lateColour, 'pixel frame 11, shown after 8');
  assert.notEqual(await tickAt(359920000), lateColour, 'pixel frame 12 is on time');
  const {blocks, switches} = await page.evaluate(() => document.querySelector('.timeline').timeline.data);
  assert.deepEqual(blocks.slice(2, 5), [[410000000, 510000000, 2, 'filling'], [590000000, 730000000, 3, 'switch'], [770000000, 870000000, 4, 'full']]);
  assert.deepEqual(switches, [[590000000, 'switch to prompt 1']]);
});

test('the keyboard goes from span to span and says what they are', async () => {
  await visit(report('sample', [sample]));
  await page.locator('.timeline canvas').focus();
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowRight');
  const said = await page.locator('.timeline-status').innerText();
  await page.keyboard.press('Shift+ArrowRight');
  assert.match(said, / ms.*main, depth 1/);
  assert.notEqual(await page.locator('.timeline-status').innerText(), said);
});

test('many spans are merged, and zooming tells them apart as far as the page holds them', async () => {
  await visit(report('many', [many()]));
  const drawn = await state('drawn');
  assert.ok(drawn < 20000, `${drawn} boxes`);
  const item = await itemIn(1);
  await page.mouse.move(item.x, item.y);
  assert.match(await page.locator('.timeline-hint').innerText(), /^\d+ spans, mostly layer\n.* covered\)\nzoom in/);
  const spans = () => page.evaluate(() => {
    const {data} = document.querySelector('.timeline').timeline;
    return data.levels.map((_, i) => data.level(i).reduce((n, lane) => n + lane.count.reduce((a, b) => a + b, 0), 0));
  });
  for (const counted of await spans()) assert.equal(counted, 300003);
  const inView = await page.evaluate(() => {  // boxes in a hundredth of the run: 20 of each lane at the coarsest level
    const {timeline} = document.querySelector('.timeline');
    const length = timeline.whole.to - timeline.whole.from;
    timeline.show(timeline.whole.from + 0.5 * length, timeline.whole.from + 0.51 * length);
    timeline.draw();
    return timeline.drawing.drawn;
  });
  assert.ok(inView > 200, `${inView} boxes`);
});

test('the theme follows the system, then the button', async () => {
  await visit(report('sample', [sample]), {colorScheme: 'dark'});
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await background(), 'rgb(22, 25, 29)');
  const chart = page.locator('.chart').first();
  await seeAll(page);
  const dark = await chart.innerHTML();
  await page.click('#theme');
  assert.equal(await background(), 'rgb(255, 255, 255)');
  assert.notEqual(await chart.innerHTML(), dark);
  await page.emulateMedia({media: 'print'});
  assert.equal(await background(), 'rgb(255, 255, 255)');
});

test('a legend takes series out of a chart and puts them back', async () => {
  await visit(report('sample', [sample]));
  const chart = page.locator('.chart[aria-label^="Denoising time"]');
  await chart.scrollIntoViewIfNeeded();
  await chart.locator('svg').waitFor();
  const shown = () => chart.locator('svg path[fill="#9ad2f2"]').count();
  const bars = await shown();
  assert.ok(bars > 5, `${bars} bars of the first step`);
  const first = chart.locator('xpath=following-sibling::*[@class="legend"]').getByRole('button').first();
  assert.equal(await first.innerText(), 'step 0');
  await first.click();
  assert.equal(await shown(), 0);
  assert.equal(await first.getAttribute('aria-pressed'), 'false');
  await page.click('#theme');
  assert.equal(await shown(), 0, 'it stays out when the theme changes');
  await chart.locator('xpath=following-sibling::*[@class="legend"]').getByRole('button').first().click();
  assert.equal(await shown(), bars);
  assert.deepEqual(complaints, []);
});

test('a chart fits the page when that becomes narrow, and again when it becomes wide', async () => {
  await visit(report('sample', [sample]));
  await seeAll(page);
  const widths = () => page.$$eval('.chart', all => all.map(c => [c.clientWidth, c.querySelector('svg').clientWidth]));
  for (const width of [390, 1280]) {
    await page.setViewportSize({width, height: 900});
    await settled();
    await settled();
    for (const [place, drawn] of await widths()) assert.equal(drawn, place);
    assert.deepEqual(await cutOff(), []);
    assert.ok(await overflow() <= 0);
  }
});

test('paper is light, and has everything within its edges, also after a wide dark page', async () => {
  await visit(report('sample', [sample]), {colorScheme: 'dark'});
  await page.emulateMedia({media: 'print'});
  await settled();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'light');
  for (const chart of await page.locator('.chart').all()) {
    assert.ok(await chart.locator('svg').count() > 0, 'drawn unseen');
    const {width} = await chart.locator('svg').boundingBox();
    assert.ok(width > 600 && width <= 718, `a chart of ${width} pixels on A4 between margins of 1 cm`);
  }
  assert.equal(await page.locator('details:visible, nav:visible, #theme:visible').count(), 0);
  assert.ok(await page.locator('.legend button:visible').count() > 0);
  await page.emulateMedia({media: 'screen'});
  await settled();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

test('a click on a column sorts a table by its figures, and a third one restores the order', async () => {
  await visit(report('sample', [sample]));
  const table = page.locator('#run1-components > .scroll table').first();
  const column = () => table.evaluate(t => [...t.tBodies[0].rows].map(row => [row.className, row.cells[0].innerText, Number(row.cells[1].dataset.v)]));
  const original = await column();
  const second = table.locator('th button').nth(1);
  await second.click();
  const figures = async () => (await column()).filter(([kind]) => kind !== 'total').map(row => row[2]);
  assert.deepEqual(await figures(), (await figures()).sort((a, b) => b - a));
  await second.click();
  const ascending = await figures();
  assert.deepEqual(ascending, [...ascending].sort((a, b) => a - b));
  assert.equal(await table.locator('th').nth(1).getAttribute('aria-sort'), 'ascending');
  assert.equal((await column()).at(-1)[0], 'total');
  await second.click();
  assert.deepEqual(await column(), original);
});

test('a reader without eyes or mouse finds the way: headings in order, names for pictures, contrast', async () => {
  await visit(report('sample', [sample]));
  const levels = await page.$$eval('h1, h2, h3, h4', all => all.map(h => Number(h.tagName[1])));
  levels.forEach((level, i) => assert.ok(i === 0 ? level === 1 : level <= levels[i - 1] + 1, 'a heading level is left out'));
  for (const label of await page.$$eval('[role=img], [role=application], [role=region]', all => all.map(e => e.ariaLabel)))
    assert.ok(label && label.length > 3);
  const luminance = rgb => rgb.map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  for (const theme of ['light', 'dark']) {
    const pairs = await page.evaluate(theme => {
      setTheme(theme);
      const probe = document.body.appendChild(document.createElement('p'));
      const rgb = value => { probe.style.color = value; return getComputedStyle(probe).color.match(/\d+/g).map(Number); };
      const all = ['text', 'faint', 'link', 'good', 'bad', 'warning'].flatMap(ink =>
        ['page', 'panel'].map(paper => [ink, paper, rgb(`var(--${ink})`), rgb(`var(--${paper})`)]));
      probe.remove();
      return all;
    }, theme);
    for (const [ink, paper, a, b] of pairs) {
      const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
      assert.ok((x + 0.05) / (y + 0.05) >= 4.5, `${ink} on ${paper}, ${theme}`);
    }
  }
});
