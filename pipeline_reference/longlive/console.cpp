#include "pipeline_reference/longlive/console.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "latency/detail/printable.hpp"

namespace longlive {
namespace {

constexpr std::chrono::seconds between_plain_lines{2};
constexpr std::chrono::milliseconds between_loading_bars{50};

std::size_t columns_of(std::FILE* terminal) {
  winsize size{};
  const bool known = ioctl(fileno(terminal), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

std::string progress::text() const {
  std::string shown = fmt::format("{}/{} latent frames", done_latent_frames, all_latent_frames);
  if (done_latent_frames == 0) return shown;
  const double seconds = std::max(milliseconds(elapsed) / 1000, 1e-9);
  const double each = seconds / static_cast<double>(done_latent_frames);
  const auto left = static_cast<std::int64_t>(
      std::ceil(each * static_cast<double>(all_latent_frames - done_latent_frames)));
  return fmt::format("{}, {:.2f}/s, {:.0f} ms per latent frame, {}:{:02} left", shown, 1 / each,
                     1000 * each, left / 60, left % 60);
}

std::string loading_progress::text() const {
  const double seconds = std::max(milliseconds(elapsed) / 1000, 1e-9);
  const double done_gb = static_cast<double>(done_bytes) * 1e-9;
  return fmt::format("loading {}: {:.2f}/{:.2f} GB, {:.2f} GB/s", model, done_gb,
                     static_cast<double>(all_bytes) * 1e-9, done_gb / seconds);
}

console::console(std::FILE* lines, std::FILE* status, bool quiet)
    : lines_(lines), status_(status), quiet_(quiet), terminal_(isatty(fileno(status)) != 0) {}

void console::write(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}

void console::always(std::string_view text) {
  const std::string bar = bar_;
  clear_bar();
  write(lines_, fmt::format("{}\n", text));
  if (!bar.empty()) write(status_, bar_ = bar);
}

void console::line(std::string_view text) {
  if (!quiet_) always(text);
}

void console::timing(std::string_view what, wall_clock::duration time) {
  line(fmt::format("[Interactive Timing] {}: {:.2f} ms", what, milliseconds(time)));
}

void console::timing(std::string_view what) {
  line(fmt::format("[Interactive Timing] {}", what));
}

void console::event(std::string_view what) {
  line(fmt::format("[Interactive] {}", what));
}

void console::clear_bar() {
  if (bar_.empty()) return;
  write(status_, "\r\x1b[K");
  bar_.clear();
}

// done: 0 to 1.
void console::draw_bar(double done, std::string_view text) {
  constexpr int width = 8;  // with the text, less than 80 columns
  const int filled = static_cast<int>(width * std::clamp(done, 0.0, 1.0));
  std::string bar = fmt::format("[{:#<{}}{:-<{}}] {}", "", filled, "", width - filled, text);
  bar.resize(std::min(bar.size(), columns_of(status_) - 1));  // a wrapped line could not be erased
  clear_bar();
  write(status_, bar_ = bar);
}

void console::show(const progress& now) {
  if (quiet_) return;
  if (terminal_) {
    const auto all = static_cast<double>(std::max<std::int64_t>(now.all_latent_frames, 1));
    draw_bar(static_cast<double>(now.done_latent_frames) / all, now.text());
    return;
  }
  const wall_clock::time_point at = wall_clock::now();
  const bool last = now.done_latent_frames == now.all_latent_frames;
  if (at < next_plain_line_ && !last) return;
  next_plain_line_ = at + between_plain_lines;
  write(status_, fmt::format("progress: {}\n", now.text()));
}

void console::show(const loading_progress& now) {
  const wall_clock::time_point at = wall_clock::now();
  if (quiet_ || !terminal_ || at < next_loading_bar_) return;
  next_loading_bar_ = at + between_loading_bars;
  const auto all = static_cast<double>(std::max<std::uint64_t>(now.all_bytes, 1));
  draw_bar(static_cast<double>(now.done_bytes) / all, now.text());
}

std::string list_text(const std::vector<std::int64_t>& numbers) {
  return fmt::format("[{}]", fmt::join(numbers, ", "));
}

std::string prompts_text(const std::vector<std::string>& prompts) {
  std::string text = "[";
  for (const std::string& prompt : prompts) {
    text += text.size() > 1 ? ", ['" : "['";
    for (const char c : latency::detail::printable(prompt)) {
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    text += "']";
  }
  return text + "]";
}

}  // namespace longlive
