#include "pipeline_reference/longlive/console.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <pty.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

using longlive::console;
using longlive::progress;
using namespace std::chrono_literals;

namespace {

struct closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using owned_file = std::unique_ptr<std::FILE, closer>;

std::string contents(std::FILE* file) {
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  return text;
}

}  // namespace

TEST_CASE("progress: states what is done, both rates and the time left") {
  CHECK(progress{0, 63, 1s}.text() == "0/63 latent frames");
  CHECK(progress{30, 63, 15s}.text() ==
        "30/63 latent frames, 2.00/s, 500 ms per latent frame, 0:17 left");
  CHECK(progress{3, 240, 3s}.text() ==
        "3/240 latent frames, 1.00/s, 1000 ms per latent frame, 3:57 left");
  CHECK(progress{63, 63, 63s}.text() ==
        "63/63 latent frames, 1.00/s, 1000 ms per latent frame, 0:00 left");
}

TEST_CASE("console: without a terminal, progress is a plain line now and then, and at the end") {
  const owned_file lines(std::tmpfile());
  const owned_file status(std::tmpfile());
  {
    console out(lines.get(), status.get(), false);
    out.show({3, 9, 1s});
    out.show({6, 9, 2s});  // less than two seconds after the last line
    out.event("Starting prompt switch to segment 1 at frame 6");
    out.timing("Switch points: [6]");
    out.timing("Cache reset completed", 12345us);
    out.show({9, 9, 3s});
  }
  CHECK(contents(lines.get()) ==
        "[Interactive] Starting prompt switch to segment 1 at frame 6\n"
        "[Interactive Timing] Switch points: [6]\n"
        "[Interactive Timing] Cache reset completed: 12.35 ms\n");
  CHECK(contents(status.get()) ==
        "progress: 3/9 latent frames, 3.00/s, 333 ms per latent frame, 0:02 left\n"
        "progress: 9/9 latent frames, 3.00/s, 333 ms per latent frame, 0:00 left\n");
}

TEST_CASE("console: on a terminal the bar is erased before every line and drawn again after it") {
  int controller = -1;
  int terminal = -1;
  winsize size{};
  size.ws_col = 120;
  REQUIRE(openpty(&controller, &terminal, nullptr, nullptr, &size) == 0);
  const owned_file screen(fdopen(terminal, "w"));
  {
    console out(screen.get(), screen.get(), false);
    out.show({3, 9, 1s});
    out.line("a line");
  }
  const std::string bar =
      "[##------] 3/9 latent frames, 3.00/s, 333 ms per latent frame, 0:02 left";
  const std::string expected = bar + "\r\x1b[Ka line\r\n" + bar + "\r\x1b[K";
  std::string shown;  // a terminal hands over what it has, in pieces
  pollfd ready{controller, POLLIN, 0};
  while (shown.size() < expected.size() && poll(&ready, 1, 5000) == 1) {
    char buffer[4096];
    const auto bytes = read(controller, buffer, sizeof buffer);
    if (bytes <= 0) break;
    shown.append(buffer, static_cast<std::size_t>(bytes));
  }
  close(controller);
  CHECK(shown == expected);
}

TEST_CASE("console: quiet leaves only what must be said") {
  const owned_file lines(std::tmpfile());
  const owned_file status(std::tmpfile());
  console out(lines.get(), status.get(), true);
  out.line("a line");
  out.event("an event");
  out.show({9, 9, 3s});
  out.always("written: a.json");
  CHECK(contents(lines.get()) == "written: a.json\n");
  CHECK(contents(status.get()).empty());
}

TEST_CASE("console: prompts are shown on one line, with their quotes escaped") {
  CHECK(longlive::prompts_text({"a boat", "it's\nnight"}) == "[['a boat'], ['it\\'s?night']]");
  CHECK(longlive::prompts_text({"\x1b[2J\a\x7f\u009b1mé\t"}) == "[['?[2J???1mé?']]");
  CHECK(longlive::prompts_text({"\xc2"}) == "[['?']]");
  CHECK(longlive::list_text({}) == "[]");
  CHECK(longlive::list_text({20, 42}) == "[20, 42]");
}
