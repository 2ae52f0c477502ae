#pragma once
// Ctrl-C (SIGINT) and SIGTERM as a question that the generation asks between blocks.

namespace longlive {

// While it lives, the first SIGINT or SIGTERM only sets a mark; a second one ends the process as
// usual. One at a time.
class interrupt_watch {
 public:
  interrupt_watch();
  interrupt_watch(const interrupt_watch&) = delete;
  interrupt_watch& operator=(const interrupt_watch&) = delete;
  ~interrupt_watch();

  [[nodiscard]] bool asked() const noexcept;
  // As shells report the signal: 130 for SIGINT, 143 for SIGTERM.
  [[nodiscard]] int exit_code() const noexcept;
};

}  // namespace longlive
