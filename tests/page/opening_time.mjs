// Prints the milliseconds from the start of navigation until a report's timeline is drawn and on the screen.
import {launch} from './browser.mjs';
import {pathToFileURL} from 'node:url';

const browser = await launch();
const page = await browser.newPage({viewport: {width: 1280, height: 900}});
await page.goto('about:blank');
await page.goto(pathToFileURL(process.argv[2]).href);
console.log(await page.evaluate(() => new Promise(done => requestAnimationFrame(() => setTimeout(() => {
  if (!(Number(document.querySelector('.timeline').dataset.drawn) > 0)) throw new Error('no timeline');
  done(performance.now());
})))));
await browser.close();
