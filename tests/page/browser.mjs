// Reports, and a browser to open them in.
import {execFileSync} from 'node:child_process';
import {createRequire} from 'node:module';
import path from 'node:path';
import {pathToFileURL} from 'node:url';

export const folder = process.env.PAGE_FOLDER;
export const repository = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '../..');
const {chromium} = createRequire(path.join(folder, 'package.json'))('playwright-core');

// Writes the report of some files and returns the path of the page.
export function plot(name, files, more = ['--no-svg']) {
  const output = path.join(folder, name);
  execFileSync(process.env.LATENCY_PROGRAM, ['plot', ...files, '--output-dir', output, ...more], {stdio: ['ignore', 'ignore', 'inherit']});
  return path.join(output, 'report.html');
}

export async function launch() {
  return chromium.launch({executablePath: process.env.CHROMIUM, args: ['--no-sandbox']});
}

// Opens a page of its own context; `complaints` collects errors, warnings and requests other than for the page itself.
export async function open(browser, file, {width = 1280, height = 900, colorScheme = 'light', touch = false} = {}) {
  const context = await browser.newContext({viewport: {width, height}, colorScheme, hasTouch: touch, isMobile: touch});
  const page = await context.newPage();
  const complaints = [];
  const address = pathToFileURL(file).href;
  page.on('console', message => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', error => complaints.push(String(error)));
  page.on('dialog', dialog => { complaints.push('dialog: ' + dialog.message()); dialog.dismiss(); });
  await context.route('**', route => {
    if (route.request().url().split('#')[0] === address) return route.continue();
    complaints.push('request: ' + route.request().url());
    return route.abort();
  });
  await page.goto(address);
  return {page, complaints};
}

// Scrolls through the page, so that everything that waits to be seen is drawn.
export async function seeAll(page) {
  for (const place of await page.locator('.chart').all()) {
    await place.scrollIntoViewIfNeeded();
    await place.locator('svg').first().waitFor();
  }
  await page.evaluate(() => scrollTo(0, 0));
}
