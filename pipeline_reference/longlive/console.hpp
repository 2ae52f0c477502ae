#pragma once
// What a run says while it goes on: the published lines on one stream, the progress on another, and
// never one in the middle of the other. Not thread-safe.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace longlive {

using wall_clock = std::chrono::steady_clock;

[[nodiscard]] inline double milliseconds(wall_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// How far a clip is.
struct progress {
  std::int64_t done_latent_frames = 0;
  std::int64_t all_latent_frames = 0;
  wall_clock::duration elapsed{};  // since the first block began

  // "30/63 latent frames, 7.31 latent frames/s, 137 ms per latent frame, 0:05 left"
  [[nodiscard]] std::string text() const;
};

// How far the weights of a model are loaded.
struct loading_progress {
  std::string_view model;
  std::uint64_t done_bytes = 0;
  std::uint64_t all_bytes = 0;  // of the tensors in its file, some of which may stay there
  wall_clock::duration elapsed{};

  // "loading transformer: 2.31/5.68 GB, 1.38 GB/s"
  [[nodiscard]] std::string text() const;
};

class console {
 public:
  // Lines go to `lines`; progress goes to `status`: a bar that redraws itself when `status` is a
  // terminal, otherwise a plain line every two seconds at most. Quiet: nothing of either.
  console(std::FILE* lines, std::FILE* status, bool quiet);
  console(const console&) = delete;
  console& operator=(const console&) = delete;
  ~console() { clear_bar(); }

  void line(std::string_view text);
  // Shown even when quiet: which files were written, what was interrupted.
  void always(std::string_view text);
  void show(const progress& now);
  // On a terminal only, every 50 ms at most.
  void show(const loading_progress& now);
  // Takes the bar away; the next show() draws it again.
  void clear_bar();

  // "[Interactive Timing] WHAT: 12.34 ms"
  void timing(std::string_view what, wall_clock::duration time);
  // "[Interactive Timing] WHAT"
  void timing(std::string_view what);
  // "[Interactive] WHAT"
  void event(std::string_view what);

 private:
  void write(std::FILE* to, std::string_view text);
  void draw_bar(double done, std::string_view text);

  std::FILE* lines_;
  std::FILE* status_;
  bool quiet_;
  bool terminal_;
  std::string bar_;  // as drawn; empty when none is on the screen
  wall_clock::time_point next_plain_line_{}, next_loading_bar_{};
};

// "[20, 42]"
[[nodiscard]] std::string list_text(const std::vector<std::int64_t>& numbers);
// "[['first'], ['second']]", as published; quotes and backslashes escaped, control characters
// blank.
[[nodiscard]] std::string prompts_text(const std::vector<std::string>& prompts);

}  // namespace longlive
