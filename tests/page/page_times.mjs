// Prints two times of a report, in milliseconds: from the start of navigation until its timeline is drawn and on the
// screen, and the slowest step of zooming in from the whole run to 1 us, by halves (levels are unpacked on the way).
import {launch} from './browser.mjs';
import {pathToFileURL} from 'node:url';

const browser = await launch();
const page = await browser.newPage({viewport: {width: 1280, height: 900}});
await page.goto('about:blank');
await page.goto(pathToFileURL(process.argv[2]).href);
const opened = await page.evaluate(() => new Promise(done => requestAnimationFrame(() => setTimeout(() => {
  if (!(Number(document.querySelector('.timeline').dataset.drawn) > 0)) throw new Error('no timeline');
  done(performance.now());
}))));
const slowest = await page.evaluate(() => {
  const {timeline} = document.querySelector('.timeline');
  let most = 0;
  do {
    timeline.zoom(0.5);
    const start = performance.now();
    timeline.draw();
    most = Math.max(most, performance.now() - start);
    if (timeline.drawing.drawn > 100000) throw new Error(`${timeline.drawing.drawn} boxes drawn`);
  } while (timeline.view.to - timeline.view.from > 1000);
  return most;
});
console.log(opened, slowest);
await browser.close();
