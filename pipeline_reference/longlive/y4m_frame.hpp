#pragma once
// RGB to the planes of a YUV4MPEG2 frame.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "pipeline_reference/longlive/video_writer.hpp"

namespace longlive {

// The line that opens the file. BT.601, 16 to 235 (240 for chroma): what players assume of untagged
// video of this size. 4:2:0 chroma lies in the middle of four pixels ("420jpeg").
std::string y4m_header(const video_format& format);

// Planes Y, U, V of one pixel frame [height, width, 3], in `planes`, whose memory is reused. Odd
// sizes repeat their last row and column for the chroma of 4:2:0.
void y4m_planes(const video_format& format, std::span<const std::uint8_t> rgb,
                std::vector<std::uint8_t>& planes);

}  // namespace longlive
