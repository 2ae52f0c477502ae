// Pictures of reports, to be looked at: screenshots.mjs FOLDER REPORT.html...  Each section at 1280 and 390 pixels, light
// and dark, and the page as it is printed.
import fs from 'node:fs';
import path from 'node:path';
import {launch, open, seeAll} from './browser.mjs';

const [folder, ...reports] = process.argv.slice(2);
fs.mkdirSync(folder, {recursive: true});
const browser = await launch();
for (const report of reports) {
  const name = path.basename(path.dirname(path.resolve(report)));
  for (const [width, colorScheme] of [[1280, 'light'], [1280, 'dark'], [390, 'light'], [390, 'dark']]) {
    const {page, complaints} = await open(browser, report, {width, colorScheme});
    await seeAll(page);
    const base = path.join(folder, `${name}_${width}_${colorScheme}`);
    await page.screenshot({path: base + '_top.png'});
    for (const section of await page.locator('section section').all())
      await section.screenshot({path: `${base}_${await section.getAttribute('id')}.png`});
    if (complaints.length) console.log(base, complaints);
    await page.context().close();
  }
  const {page} = await open(browser, report, {width: 718, colorScheme: 'dark'});  // A4 between margins of 1 cm
  await page.emulateMedia({media: 'print'});
  await page.waitForTimeout(500);
  for (const sheet of [1, 2, 3, 4])
    await page.screenshot({path: path.join(folder, `${name}_print_${sheet}.png`), fullPage: true,
                           clip: {x: 0, y: 1010 * (sheet - 1), width: 718, height: 1010}});
  await page.context().close();
}
await browser.close();
