#pragma once
// Pixel frames to a video file while they are made. The file appears when finish() succeeds, and
// not otherwise.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace longlive {

struct video_format {
  std::int64_t width = 0, height = 0;
  double frames_per_second = 16;  // kept to a thousandth
  bool full_chroma = false;       // y4m: 4:4:4 instead of 4:2:0
};

// One thread at a time.
class video_writer {
 public:
  virtual ~video_writer() = default;  // without finish() nothing is left behind

  // rgb: any number of whole pixel frames, [n, height, width, 3]. Throws latency::error when they
  // are not whole, or when the file or the encoder fails.
  virtual void write(std::span<const std::uint8_t> rgb) = 0;
  // Completes the file and gives it its name. Throws latency::error.
  virtual void finish() = 0;

  // By the extension of `path`: ".y4m" (uncompressed, read by all players), or ".mp4" (H.264, needs
  // ffmpeg on the PATH). Throws latency::error for another extension, an impossible size, a folder
  // that cannot be written, or no ffmpeg.
  static std::unique_ptr<video_writer> open(const std::string& path, const video_format& format);
};

}  // namespace longlive
