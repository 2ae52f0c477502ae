#include "pipeline_reference/longlive/y4m_frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace longlive {
namespace {

// BT.601 for 8-bit RGB in units of 2^-16. Chroma rows add up to zero, so grey has no colour.
struct weights {
  int red, green, blue, offset;
};
constexpr weights luma{16829, 33039, 6416, 16};
constexpr weights blue_difference{-9714, -19070, 28784, 128};
constexpr weights red_difference{28784, -24103, -4681, 128};

struct rgb_sum {
  int red, green, blue;
};

// Of the sum of 2^log2_count pixels.
std::uint8_t convert(const weights& w, const rgb_sum& sum, int log2_count) {
  const int shift = 16 + log2_count;
  const int value = w.red * sum.red + w.green * sum.green + w.blue * sum.blue;
  return static_cast<std::uint8_t>(((value + (1 << (shift - 1))) >> shift) + w.offset);
}

}  // namespace

std::string y4m_header(const video_format& format) {
  const auto per_1000_seconds = std::llround(format.frames_per_second * 1000);
  const bool whole = per_1000_seconds % 1000 == 0;
  return fmt::format("YUV4MPEG2 W{} H{} F{}:{} Ip A1:1 C{} XCOLORRANGE=LIMITED\n", format.width,
                     format.height, whole ? per_1000_seconds / 1000 : per_1000_seconds,
                     whole ? 1 : 1000, format.full_chroma ? "444" : "420jpeg");
}

void y4m_planes(const video_format& format, std::span<const std::uint8_t> rgb,
                std::vector<std::uint8_t>& planes) {
  const std::int64_t width = format.width, height = format.height,
                     step = format.full_chroma ? 1 : 2;
  const std::int64_t chroma_width = (width + step - 1) / step,
                     chroma_height = (height + step - 1) / step;
  planes.resize(static_cast<std::size_t>(width * height + 2 * chroma_width * chroma_height));
  const auto pixel = [&](std::int64_t y, std::int64_t x) -> rgb_sum {
    const std::uint8_t* p =
        rgb.data() + (std::min(y, height - 1) * width + std::min(x, width - 1)) * 3;
    return {p[0], p[1], p[2]};
  };
  std::uint8_t* out = planes.data();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) *out++ = convert(luma, pixel(y, x), 0);
  for (const weights& plane : {blue_difference, red_difference}) {
    for (std::int64_t y = 0; y < height; y += step) {
      for (std::int64_t x = 0; x < width; x += step) {
        rgb_sum sum{0, 0, 0};
        for (std::int64_t dy = 0; dy < step; ++dy) {
          for (std::int64_t dx = 0; dx < step; ++dx) {
            const rgb_sum p = pixel(y + dy, x + dx);
            sum = {sum.red + p.red, sum.green + p.green, sum.blue + p.blue};
          }
        }
        *out++ = convert(plane, sum, step == 1 ? 0 : 2);
      }
    }
  }
}

}  // namespace longlive
