#include "pipeline_reference/longlive/video_writer.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "latency/error.hpp"
#include "pipeline_reference/longlive/y4m_frame.hpp"
#include "tests/temporary_folder.hpp"

using namespace longlive;
using latency_test::read_file;
using latency_test::temporary_folder;
namespace fs = std::filesystem;

namespace {

using bytes = std::vector<std::uint8_t>;

template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const latency::error& e) {
    return e.what();
  }
  return "";
}

// Puts a program named ffmpeg, and nothing else, on the PATH.
struct fake_ffmpeg {
  temporary_folder folder;
  std::string old_path = std::getenv("PATH");
  explicit fake_ffmpeg(const std::string& script) {
    const std::string program = folder / "ffmpeg";
    if (!script.empty()) {
      std::ofstream(program) << "#!/bin/sh\n" << script;
      ::chmod(program.c_str(), 0755);
    }
    ::setenv("PATH", (folder / "").c_str(), 1);
  }
  ~fake_ffmpeg() { ::setenv("PATH", old_path.c_str(), 1); }
};

bytes planes_of(const video_format& format, const bytes& rgb) {
  bytes planes;
  y4m_planes(format, rgb, planes);
  return planes;
}

}  // namespace

TEST_CASE("y4m: the file is a header and one marked frame of planes per pixel frame") {
  const temporary_folder folder;
  const std::string path = folder / "clip.y4m";
  const video_format format{6, 4, 16, false};
  auto video = video_writer::open(path, format);
  video->write(bytes(6 * 4 * 3, 0));
  video->write(bytes(2 * 6 * 4 * 3, 255));
  video->write({});
  CHECK_FALSE(fs::exists(path));
  video->finish();
  const std::string file = read_file(path),
                    header = "YUV4MPEG2 W6 H4 F16:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n";
  REQUIRE(file.size() == header.size() + 3 * (6 + 24 + 2 * 6));
  CHECK(file.substr(0, header.size()) == header);
  CHECK(file.substr(header.size(), 6) == "FRAME\n");
  CHECK(file.substr(header.size() + 6, 36) ==
        std::string(24, 16) + std::string(12, '\x80'));  // black
  CHECK(file.substr(header.size() + 42 + 6, 36) ==
        std::string(24, '\xeb') + std::string(12, '\x80'));  // white
}

TEST_CASE("y4m: a rate that is not whole is written in thousandths") {
  CHECK(y4m_header({2, 2, 29.97, false}) ==
        "YUV4MPEG2 W2 H2 F29970:1000 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n");
}

TEST_CASE("y4m: primary colours become their BT.601 values") {
  const video_format format{1, 1, 16, true};
  CHECK(y4m_header(format) == "YUV4MPEG2 W1 H1 F16:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n");
  CHECK(planes_of(format, {255, 0, 0}) == bytes{81, 90, 240});
  CHECK(planes_of(format, {0, 255, 0}) == bytes{145, 54, 34});
  CHECK(planes_of(format, {0, 0, 255}) == bytes{41, 240, 110});
  for (int grey = 0; grey < 256; ++grey) {
    const auto value = static_cast<std::uint8_t>(grey);
    const bytes planes = planes_of(format, {value, value, value});
    CHECK(planes[0] == static_cast<std::uint8_t>(16.5 + grey * 219.0 / 255));
    CHECK(planes[1] == 128);
    CHECK(planes[2] == 128);
  }
}

TEST_CASE("y4m: 4:2:0 averages the colour of four pixels and repeats the edge of odd sizes") {
  const video_format format{3, 1, 16, false};
  // Red and blue average to (127.5, 0, 127.5) in the first chroma sample; the second sees blue
  // only.
  CHECK(planes_of(format, {255, 0, 0, 0, 0, 255, 0, 0, 255}) ==
        bytes{81, 41, 41, 165, 240, 175, 110});
}

TEST_CASE("video_writer: a video that is not finished leaves nothing behind") {
  const temporary_folder folder;
  {
    auto video = video_writer::open(folder / "clip.y4m", {2, 2, 16, false});
    video->write(bytes(12));
    CHECK_FALSE(folder.names().empty());
  }
  CHECK(folder.names().empty());
}

TEST_CASE("video_writer: what cannot be written is refused with one line") {
  const temporary_folder folder;
  const std::string path = folder / "clip.y4m", mp4 = folder / "clip.mp4";
  CHECK(message_of([&] {
          video_writer::open(folder / "clip.avi", {2, 2, 16, false});
        }) == (folder / "clip.avi") + ": a video must end in .y4m or .mp4");
  CHECK(message_of([&] {
          video_writer::open(path, {0, 2, 16, false});
        }) == path + ": cannot write 0x2 pixels, each must be 1 to 16384");
  CHECK(message_of([&] {
          video_writer::open(path, {2, 2, 0, false});
        }) == path + ": cannot write 0 frames per second, expected 0.001 to 1000");
  CHECK(message_of([&] {
          video_writer::open(mp4, {3, 2, 16, false});
        }) == mp4 + ": H.264 needs even sizes, found 3x2");
  CHECK(message_of([&] {
          video_writer::open("/nonexistent/clip.y4m", {2, 2, 16, false});
        }) == "/nonexistent/clip.y4m: cannot create: No such file or directory");
  CHECK(message_of([&] {
          video_writer::open(path, {2, 2, 16, false})->write(bytes(13));
        }) == path + ": expected pixel frames of 12 bytes, found 13 bytes");
  CHECK(folder.names().empty());
}

TEST_CASE("mp4: every byte reaches ffmpeg, whose output gets its name at the end") {
  const fake_ffmpeg fake(
      "for last; do :; done\n/bin/cat > \"${last#file:}\"\necho \"$@\" > \"$0.arguments\"\n");
  const temporary_folder folder;
  const std::string path = folder / "a clip; $(touch x).mp4";
  auto video = video_writer::open(path, {64, 32, 16, false});
  bytes rgb(64 * 32 * 3);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<std::uint8_t>(i * 7);
  std::string expected;
  for (int i = 0; i < 100; ++i) {
    video->write(rgb);
    expected.append(rgb.begin(), rgb.end());
  }
  CHECK_FALSE(fs::exists(path));
  video->finish();
  CHECK(read_file(path) == expected);
  CHECK(folder.names().size() == 1);
  const std::string arguments = read_file(fake.folder / "ffmpeg.arguments");
  CHECK(arguments.find("-pix_fmt rgb24 -video_size 64x32 -framerate 16 -i pipe:0") !=
        std::string::npos);
}

TEST_CASE(
    "mp4: an ffmpeg that is absent, fails or ends early is reported in its own words, with nothing "
    "left") {
  const temporary_folder folder;
  const std::string path = folder / "clip.mp4";
  {
    const fake_ffmpeg none("");
    CHECK(message_of([&] {
            video_writer::open(path, {2, 2, 16, false});
          }) == path + ": needs ffmpeg on the PATH; install it, or write a .y4m file");
  }
  {
    const fake_ffmpeg fails(
        "/bin/cat > /dev/null\necho 'Unknown encoder' >&2\necho more >&2\nexit 1\n");
    auto video = video_writer::open(path, {2, 2, 16, false});
    video->write(bytes(12));
    CHECK(message_of([&] { video->finish(); }) == path + ": ffmpeg failed: Unknown encoder");
  }
  {
    const fake_ffmpeg ends("echo 'no room' >&2\nexit 1\n");
    auto video = video_writer::open(path, {256, 256, 16, false});
    CHECK(message_of([&] {
            for (int i = 0; i < 100; ++i) video->write(bytes(256 * 256 * 3));
          }) == path + ": ffmpeg ended early: no room");
  }
  {
    const fake_ffmpeg waits("exec /bin/sleep 600\n");
    auto video = video_writer::open(
        path, {2, 2, 16, false});  // destroyed without finish: the process is ended
  }
  CHECK(folder.names().empty());
}
