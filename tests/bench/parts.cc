// parts [google-benchmark's options]: what the parts of a scan and of a reader cost each, without a file
// system that is looked at: sorting names, hashing, writing a directory's block, finding a name, listing.
// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/hash.h"
#include "snapshot/derive.h"
#include "snapshot/snapshot.h"
#include "snapshot/writer.h"
#include "support/sample_snapshot.h"
#include "support/temporary_directory.h"
#include "walk/listing.h"

namespace {

namespace snapshot = pwalk::snapshot;
using benchmark::State;
using pwalk::test::TemporaryDirectory;

/// Names of about twenty bytes that often begin alike.
std::vector<std::string> names(std::size_t count) {
  std::mt19937_64 random(1);
  const char* const beginnings[] = {"sample_", "result-", "IMG_2024", "a", "snapshot.of.run."};
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back(beginnings[random() % 5] + std::to_string(random() % 1000000000) + "." +
                   std::to_string(i));
  return made;
}

void sort_names(State& state) {
  auto count = static_cast<std::size_t>(state.range(0));
  TemporaryDirectory directory;
  for (const std::string& name : names(count)) directory.write_file(name, "");
  pwalk::Fd opened(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  pwalk::walk::Listing listing;
  pwalk::walk::Seat seat(false);
  listing.read(opened.get(), seat);
  pwalk::walk::ListedNames as_listed = listing.names();
  for (auto _ : state) {
    listing.names().assign(as_listed.begin(), as_listed.end());
    listing.sort();
    benchmark::DoNotOptimize(listing.names().data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(sort_names)->Arg(12)->Arg(200)->Arg(10000)->Arg(200000);

void hash_block(State& state) {
  std::string block(65536, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(pwalk::hash64(block.data(), block.size()));
  state.SetBytesProcessed(state.iterations() * 65536);
}
BENCHMARK(hash_block);

void hash_children(State& state) {
  std::vector<std::string> all = names(12);
  snapshot::EntryFacts facts;
  facts.has_stat = true;
  facts.mode = S_IFREG | 0644;
  snapshot::BlockHasher hasher;
  for (auto _ : state) {
    hasher.start();
    for (const std::string& name : all) {
      facts.inode += 1;
      hasher.add(name, {}, facts);
    }
    benchmark::DoNotOptimize(hasher.finish());
  }
  state.SetItemsProcessed(state.iterations() * 12);
}
BENCHMARK(hash_children);

/// Blocks of so many files each, by so many owners, into a snapshot in the temporary directory.
void write_blocks(State& state) {
  auto children = static_cast<std::size_t>(state.range(0));
  auto owners = static_cast<std::uint32_t>(state.range(1));
  std::vector<std::string> all = names(children);
  std::sort(all.begin(), all.end());
  TemporaryDirectory directory;
  pwalk::Fd opened(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  snapshot::SnapshotWriter writer(opened.get(), {1});
  snapshot::WorkerWriter& pen = writer.add_worker();
  pwalk::test::SampleNode root = pwalk::test::sample_directory("", 2, 0755, {});
  snapshot::EntryInput input;
  input.stat = &root.stat;
  pen.add_root(input);
  struct statx stat = pwalk::test::sample_file("file", 3, 1000).stat;
  std::uint32_t turn = 0;
  for (auto _ : state) {
    std::uint64_t bytes = 0;
    for (const std::string& name : all) bytes += name.size() + 1;
    pen.begin({0, 0}, children, bytes, 0);
    for (const std::string& name : all) {
      stat.stx_ino += 1;
      stat.stx_uid = 1000 + ++turn % owners;
      stat.stx_gid = 100 + turn % 7;
      input.name = name;
      input.stat = &stat;
      pen.add(input);
    }
    pen.end({});
    pen.finish({0, 0});
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(write_blocks)->Args({12, 1})->Args({12, 60})->Args({12, 5000})->Args({2000, 60});

/// A snapshot of one directory with so many files.
struct OneDirectory {
  explicit OneDirectory(std::size_t children) : all(names(children)) {
    std::vector<pwalk::test::SampleNode> nodes;
    for (std::size_t i = 0; i < children; ++i)
      nodes.push_back(pwalk::test::sample_file(all[i], 100 + i, 1000 + i));
    pwalk::test::write_sample(directory.path("s"),
                              pwalk::test::sample_directory("", 2, 0755, std::move(nodes)), 1);
    opened = snapshot::Snapshot::open(directory.path("s"));
  }
  TemporaryDirectory directory;
  std::vector<std::string> all;
  std::shared_ptr<const snapshot::Snapshot> opened;
};

void find_name(State& state) {
  OneDirectory one(static_cast<std::size_t>(state.range(0)));
  snapshot::Directory root = one.opened->root_directory();
  std::size_t at = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(one.opened->find(root, one.all[at]));
    at = (at + 7919) % one.all.size();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_name)->Arg(12)->Arg(1000)->Arg(100000);

void list_children(State& state) {
  OneDirectory one(static_cast<std::size_t>(state.range(0)));
  snapshot::Directory root = one.opened->root_directory();
  for (auto _ : state)
    for (std::uint32_t i = 0; i < one.all.size(); ++i) benchmark::DoNotOptimize(one.opened->child(root, i));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(list_children)->Arg(1000);

void open_snapshot(State& state) {
  OneDirectory one(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(snapshot::Snapshot::open(one.directory.path("s")));
}
BENCHMARK(open_snapshot)->Arg(1000)->Arg(100000);

}  // namespace

BENCHMARK_MAIN();
