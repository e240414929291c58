// WebP by libwebp and libwebpdemux.
#include "include/ff_codecs.h"
#include <stdio.h>
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static int32_t refuse(VP8StatusCode status, char *message) {
  const char *text = "the data are damaged";
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY: text = "no memory for the picture"; break;
    case VP8_STATUS_UNSUPPORTED_FEATURE: text = "the picture uses a feature that libwebp does not know"; break;
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA: text = "the file ends too early"; break;
    default: break;
  }
  snprintf(message, FF_CODEC_MESSAGE, "%s", text);
  return 0;
}

int32_t ff_webp_probe(const void *bytes, size_t count, ff_picture *picture, char *message) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(bytes, count, &features);
  if (status != VP8_STATUS_OK) return refuse(status, message);
  picture->width = (uint32_t)features.width;
  picture->height = (uint32_t)features.height;
  // The frames of an animation may leave parts of the canvas empty.
  picture->channels = features.has_alpha || features.has_animation ? 4 : 3;
  picture->depth = 8;
  return 1;
}

static int32_t decode(const uint8_t *bytes, size_t count, uint8_t *pixels, size_t stride, size_t room, int alpha, char *message) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) {
    snprintf(message, FF_CODEC_MESSAGE, "libwebp is of another version than its header");
    return 0;
  }
  config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = pixels;
  config.output.u.RGBA.stride = (int)stride;
  config.output.u.RGBA.size = room;
  VP8StatusCode status = WebPDecode(bytes, count, &config);
  WebPFreeDecBuffer(&config.output);
  return status == VP8_STATUS_OK ? 1 : refuse(status, message);
}

// The first frame at its place on the empty canvas.
static int32_t first_frame(const void *bytes, size_t count, const ff_picture *picture, uint8_t *pixels, char *message) {
  WebPData data = {bytes, count};
  WebPDemuxer *demuxer = WebPDemux(&data);
  WebPIterator frame;
  memset(&frame, 0, sizeof frame);
  int32_t ok = 0;
  if (!demuxer || !WebPDemuxGetFrame(demuxer, 1, &frame)) {
    refuse(VP8_STATUS_BITSTREAM_ERROR, message);
  } else if (WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH) != picture->width
      || WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT) != picture->height || frame.x_offset < 0 || frame.y_offset < 0
      || (uint32_t)frame.x_offset + frame.width > picture->width
      || (uint32_t)frame.y_offset + frame.height > picture->height) {
    snprintf(message, FF_CODEC_MESSAGE, "the first frame does not lie within the canvas");
  } else {
    size_t stride = (size_t)picture->width * 4, all = stride * picture->height;
    size_t start = stride * frame.y_offset + (size_t)frame.x_offset * 4;
    memset(pixels, 0, all);
    ok = decode(frame.fragment.bytes, frame.fragment.size, pixels + start, stride, all - start, 1, message);
  }
  WebPDemuxReleaseIterator(&frame);
  WebPDemuxDelete(demuxer);
  return ok;
}

int32_t ff_webp_decode(const void *bytes, size_t count, const ff_picture *picture, void *pixels, char *message) {
  WebPBitstreamFeatures features;
  VP8StatusCode status = WebPGetFeatures(bytes, count, &features);
  if (status != VP8_STATUS_OK) return refuse(status, message);
  if (features.has_animation) return first_frame(bytes, count, picture, pixels, message);
  size_t stride = (size_t)picture->width * picture->channels;
  // libwebp checks its own reading of the size against the room.
  return decode(bytes, count, pixels, stride, stride * picture->height, picture->channels == 4, message);
}
