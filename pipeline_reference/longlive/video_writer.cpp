#include "pipeline_reference/longlive/video_writer.hpp"

#include <fmt/format.h>

#include <vector>

#include "latency/detail/output_file.hpp"
#include "latency/error.hpp"
#include "pipeline_reference/longlive/ffmpeg_process.hpp"
#include "pipeline_reference/longlive/y4m_frame.hpp"

namespace longlive {
namespace {

std::size_t whole_pixel_frames(const std::string& path, const video_format& format,
                               std::size_t bytes) {
  const auto each = static_cast<std::size_t>(format.width * format.height * 3);
  if (bytes % each != 0)
    throw latency::error(
        path, "", fmt::format("expected pixel frames of {} bytes, found {} bytes", each, bytes));
  return bytes / each;
}

class y4m_writer final : public video_writer {
 public:
  y4m_writer(const std::string& path, const video_format& format) : format_(format), file_(path) {
    const std::string header = y4m_header(format);
    file_.write(header.data(), header.size());
  }
  void write(std::span<const std::uint8_t> rgb) override {
    const std::size_t count = whole_pixel_frames(file_.path(), format_, rgb.size());
    for (std::size_t i = 0; i < count; ++i) {
      y4m_planes(format_, rgb.subspan(i * (rgb.size() / count), rgb.size() / count), planes_);
      file_.write("FRAME\n", 6);
      file_.write(reinterpret_cast<const char*>(planes_.data()), planes_.size());
    }
  }
  void finish() override { file_.commit(); }

 private:
  video_format format_;
  latency::detail::output_file file_;
  std::vector<std::uint8_t> planes_;
};

class mp4_writer final : public video_writer {
 public:
  mp4_writer(const std::string& path, const video_format& format)
      : format_(format),
        file_(path),
        ffmpeg_(path, {"-hide_banner",
                       "-loglevel",
                       "error",
                       "-y",
                       "-f",
                       "rawvideo",
                       "-pix_fmt",
                       "rgb24",
                       "-video_size",
                       fmt::format("{}x{}", format.width, format.height),
                       "-framerate",
                       fmt::format("{:.6g}", format.frames_per_second),
                       "-i",
                       "pipe:0",
                       "-c:v",
                       "libx264",
                       "-pix_fmt",
                       "yuv420p",
                       "-f",
                       "mp4",
                       "file:" + file_.written_path()}) {}
  void write(std::span<const std::uint8_t> rgb) override {
    whole_pixel_frames(file_.path(), format_, rgb.size());
    ffmpeg_.write(std::as_bytes(rgb));
  }
  void finish() override {
    ffmpeg_.finish();
    file_.commit();
  }

 private:
  video_format format_;
  latency::detail::output_file file_;  // owns the temporary that ffmpeg writes
  ffmpeg_process ffmpeg_;
};

}  // namespace

std::unique_ptr<video_writer> video_writer::open(const std::string& path,
                                                 const video_format& format) {
  constexpr std::int64_t largest = 16384;
  const auto possible = [](std::int64_t value) { return value >= 1 && value <= largest; };
  if (!possible(format.width) || !possible(format.height))
    throw latency::error(path, "",
                         fmt::format("cannot write {}x{} pixels, each must be 1 to {}",
                                     format.width, format.height, largest));
  if (!(format.frames_per_second >= 0.001 && format.frames_per_second <= 1000))
    throw latency::error(path, "",
                         fmt::format("cannot write {} frames per second, expected 0.001 to 1000",
                                     format.frames_per_second));
  if (path.ends_with(".y4m")) return std::make_unique<y4m_writer>(path, format);
  if (path.ends_with(".mp4")) {
    if (format.width % 2 != 0 || format.height % 2 != 0)
      throw latency::error(
          path, "",
          fmt::format("H.264 needs even sizes, found {}x{}", format.width, format.height));
    return std::make_unique<mp4_writer>(path, format);
  }
  throw latency::error(path, "", "a video must end in .y4m or .mp4");
}

}  // namespace longlive
