// wsfast's UTF-8 kernels beside simdutf's of the same instruction set, on the same memory.
//
//   compare OCTETS FILE…
//
// prints a line for each kernel and file of valid UTF-8, repeated or cut to OCTETS: what, instruction
// set, octets, simdutf's nanoseconds, ours, tab-separated. Both take turns, round by round; the
// shortest round counts. Built and read by run.py.

#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "simdutf.h"

extern "C" {
#include "text/text.h"
#include "utf8/utf8.h"
}

namespace {

constexpr double round_ns = 150e3;
constexpr int rounds = 60;

// wsfast's name of an instruction set, and simdutf's.
const char *const names[][2] = {
    {"avx512", "icelake"}, {"avx2", "haswell"},    {"ssse3", "westmere"},
    {"neon", "arm64"},     {"scalar", "fallback"},
};

double now() {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return 1e9 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec);
}

// Results are added up in it, so that no call can be left out.
volatile size_t sink;

template <class F> double run(const F &call, size_t times) {
    double begun = now();
    for (size_t i = 0; i < times; i++)
        sink = sink + call();
    return (now() - begun) / static_cast<double>(times);
}

template <class F> size_t calibrated(const F &call) {
    size_t times = 1;
    double each;
    while ((each = run(call, times)) * static_cast<double>(times) < round_ns / 8)
        times *= 2;
    return std::max<size_t>(1, static_cast<size_t>(round_ns / each));
}

void fail(const std::string &what) {
    std::fprintf(stderr, "compare: %s\n", what.c_str());
    std::exit(2);
}

struct Text {
    std::string octets;
    std::string name;
};

template <class Theirs, class Ours>
void compare(const char *what, const char *isa, const Text &text, const Theirs &theirs,
             const Ours &ours) {
    if (theirs() != ours())
        fail(std::string(what) + " of " + text.name + " differs: " + isa);
    size_t their_times = calibrated(theirs), our_times = calibrated(ours);
    double their_least = 1e30, our_least = 1e30;
    for (int i = 0; i < rounds; i++) {
        their_least = std::min(their_least, run(theirs, their_times));
        our_least = std::min(our_least, run(ours, our_times));
    }
    std::printf("%s\t%s\t%s\t%zu\t%.1f\t%.1f\n", what, isa, text.name.c_str(), text.octets.size(),
                their_least, our_least);
    std::fflush(stdout);
}

// `theirs` and `ours` write into the same memory, one after the other, and must write the same.
template <class Char, class Theirs, class Ours>
void compare_written(const char *what, const char *isa, const Text &text, std::vector<Char> &memory,
                     const Theirs &theirs, const Ours &ours) {
    size_t written = theirs();
    std::vector<Char> expected(memory.begin(), memory.begin() + static_cast<long>(written));
    std::fill(memory.begin(), memory.end(), Char(0));
    if (ours() != written || !std::equal(expected.begin(), expected.end(), memory.begin()))
        fail(std::string(what) + " of " + text.name + " differs: " + isa);
    compare(what, isa, text, theirs, ours);
}

void compare_utf8(const char *isa, const wsf_utf8_functions &ours,
                  const simdutf::implementation &theirs, const Text &text) {
    const char *src = text.octets.data();
    const uint8_t *octets = reinterpret_cast<const uint8_t *>(src);
    size_t len = text.octets.size();
    compare(
        "validate", isa, text, [&] { return theirs.validate_utf8(src, len) ? len : 0; },
        [&] { return ours.valid_prefix(octets, len); });
}

// To the width that the text needs: by transcoding alone; by all that it takes from octets to a
// new str, where the width isn't known before; and by simdutf's function for a width that is known.
template <class Char, class Valid, class Known, class Ours>
void compare_transcoding(const std::string &to, const char *isa, const Text &text,
                         const wsf_text_functions &functions, const simdutf::implementation &impl,
                         const Valid &valid, const Known &known, const Ours &ours) {
    const char *src = text.octets.data();
    const uint8_t *octets = reinterpret_cast<const uint8_t *>(src);
    size_t len = text.octets.size(), count = impl.count_utf8(src, len);
    std::vector<Char> memory(len + 64);
    compare_written(
        ("transcode to " + to).c_str(), isa, text, memory, [&] { return valid(memory.data()); },
        [&] { return ours(memory.data(), count); });
    auto ours_whole = [&] {
        return ours(memory.data(), functions.scan(nullptr, octets, len, 0).characters);
    };
    compare_written(
        ("validate, count, transcode to " + to).c_str(), isa, text, memory,
        [&] {
            sink = sink + impl.validate_utf8(src, len) + impl.count_utf8(src, len);
            return valid(memory.data());
        },
        ours_whole);
    compare_written(
        ("the same, width known, " + to).c_str(), isa, text, memory,
        [&] { return known(memory.data()); }, ours_whole);
}

void compare_text(const char *isa, const wsf_text_functions &ours,
                  const simdutf::implementation &theirs, const Text &text) {
    const char *src = text.octets.data();
    const uint8_t *octets = reinterpret_cast<const uint8_t *>(src);
    size_t len = text.octets.size();
    wsf_text scan = ours.scan(nullptr, octets, len, 0);
    if (scan.octets != len || scan.characters != simdutf::count_utf8(src, len))
        fail("scan of " + text.name + " is wrong: " + isa);
    if (scan.top < 0x80) {
        std::vector<char> memory(len + 64);
        compare_written(
            "copy while it is ASCII", isa, text, memory,
            [&] { return theirs.convert_utf8_to_latin1(src, len, memory.data()); },
            [&] { return ours.ascii(reinterpret_cast<uint8_t *>(memory.data()), octets, len, 0); });
    } else if (scan.top < 0xC4) {
        compare_transcoding<char>(
            "Latin-1", isa, text, ours, theirs,
            [&](char *dst) { return theirs.convert_valid_utf8_to_latin1(src, len, dst); },
            [&](char *dst) { return theirs.convert_utf8_to_latin1(src, len, dst); },
            [&](char *dst, size_t room) {
                return ours.to_latin1(reinterpret_cast<uint8_t *>(dst), room, octets, len, 0);
            });
    } else if (scan.top < 0xF0) {
        compare_transcoding<char16_t>(
            "UCS-2", isa, text, ours, theirs,
            [&](char16_t *dst) { return theirs.convert_valid_utf8_to_utf16le(src, len, dst); },
            [&](char16_t *dst) { return theirs.convert_utf8_to_utf16le(src, len, dst); },
            [&](char16_t *dst, size_t room) {
                return ours.to_ucs2(reinterpret_cast<uint16_t *>(dst), room, octets, len, 0);
            });
    } else {
        compare_transcoding<char32_t>(
            "UCS-4", isa, text, ours, theirs,
            [&](char32_t *dst) { return theirs.convert_valid_utf8_to_utf32(src, len, dst); },
            [&](char32_t *dst) { return theirs.convert_utf8_to_utf32(src, len, dst); },
            [&](char32_t *dst, size_t room) {
                return ours.to_ucs4(reinterpret_cast<uint32_t *>(dst), room, octets, len, 0);
            });
    }
}

const simdutf::implementation *theirs_for(const char *isa) {
    for (const auto &pair : names)
        if (std::strcmp(pair[0], isa) == 0)
            for (const simdutf::implementation *found : simdutf::get_available_implementations())
                if (found->name() == pair[1] && found->supported_by_runtime_system())
                    return found;
    return nullptr;
}

Text read(const std::string &path, size_t octets) {
    std::ifstream file(path, std::ios::binary);
    std::string whole((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (whole.empty())
        fail("nothing in " + path);
    Text text;
    while (text.octets.size() < octets)
        text.octets += whole;
    // Full stops where the cut goes through a character.
    size_t end = octets;
    while (end > 0 && (static_cast<unsigned char>(text.octets[end]) & 0xC0) == 0x80)
        end--;
    text.octets.resize(end);
    text.octets.resize(octets, '.');
    size_t name = path.find_last_of('/') + 1;
    text.name = path.substr(name, path.rfind('.') - name);
    return text;
}

} // namespace

int main(int argc, char **argv) {
    if (argc < 3)
        fail("usage: compare OCTETS FILE...");
    size_t octets = std::strtoul(argv[1], nullptr, 10);
    uint32_t have = wsf_cpu_detect();
    for (int i = 2; i < argc; i++) {
        Text text = read(argv[i], octets);
        for (const wsf_kernel *row = wsf_utf8_kernels; row->isa != nullptr; row++)
            if (const auto *theirs = theirs_for(row->isa); theirs && !(row->needs & ~have))
                compare_utf8(row->isa, *static_cast<const wsf_utf8_functions *>(row->functions),
                             *theirs, text);
        for (const wsf_kernel *row = wsf_text_kernels; row->isa != nullptr; row++)
            if (const auto *theirs = theirs_for(row->isa); theirs && !(row->needs & ~have))
                compare_text(row->isa, *static_cast<const wsf_text_functions *>(row->functions),
                             *theirs, text);
    }
    return 0;
}
