// SPDX-License-Identifier: MIT
#include "walk/worker.h"

#include <cerrno>

namespace pwalk::walk {

namespace {

constexpr std::size_t target_bytes = 4096;  // a target's usual bound; longer ones are asked for again

}  // namespace

Worker::Worker(Walker::Shared& shared, unsigned number)
    : shared_(shared),
      number_(number),
      sink_(*shared.sinks[number]),
      counters_(*shared.counters[number]),
      seat_(shared.options.patience_seconds > 0),
      ahead_(shared.queues),
      stats_(stats_at_once * sizeof(struct statx)),
      stat_errors_(stats_at_once),
      target_(target_bytes) {}

void Worker::run_from_root(Fd root, const struct statx& stat, Token token) {
  try {
    if (shared_.options.depth_max == 0) {
      report_unlisted(token, {Listed::not_entered, NotEntered::depth, 0, Call::none, {}, {}, false, 0});
      complete(token, nullptr);
      return;
    }
    opened_ = {std::move(root), identity_of(stat), true, {}};
    read_directory({}, 0, token);
  } catch (...) {
    shared_.fail(std::current_exception());
    return;
  }
  run();
}

void Worker::run() {
  Task task = in_hand_;
  while (!shared_.ending()) {
    if (task.node != nullptr && !shared_.queues.is_active(number_)) {
      shared_.queues.push(number_, {task.node, task.position, task.position + 1});
      task = {};
    }
    if (task.node == nullptr && !shared_.queues.next(number_, task)) return;
    if (task.shared != nullptr) {
      help(*task.shared);
      task = {};
      continue;
    }
    work(task);
    task = in_hand_;
  }
  shared_.queues.close();
  if (task.node != nullptr) shared_.queues.push(number_, {task.node, task.position, task.position + 1});
}

void Worker::work(Task task) {
  in_hand_ = {};
  completing_ = false;
  try {
    visit(task);
  } catch (...) {
    shared_.fail(std::current_exception());
    if (!completing_) shared_.queues.push(number_, {task.node, task.position, task.position + 1});
  }
  opened_.descriptor = Fd();
  stage_ = Stage::idle;
}

void Worker::let_go() noexcept {
  seat_.close();
  if (offered_ != nullptr) offered_->give_up();
  if (stage_ != Stage::helping) return;
  // Who offered it finds names that nobody has looked at.
  helped_->give_up();
  shared_.queues.leave(*helped_);
  stage_ = Stage::idle;
}

bool Worker::is_alone() const noexcept {
  return offered_ == nullptr || !offered_->is_helped();
}

/// What is left of a directory after a call that never answered: no more calls are made.
void Worker::conclude() {
  in_hand_ = {};
  if (offered_ != nullptr) shared_.queues.withdraw(*offered_);
  switch (stage_) {
    case Stage::idle:
    case Stage::helping:
      return;
    case Stage::opening:
      opened_one_of(task_.node);
      [[fallthrough]];
    case Stage::opened:
      report_unlisted(token_, {Listed::failed, NotEntered::none, ETIMEDOUT, Call::openat, {}, {}, false, 0});
      complete(token_, task_.node);
      return;
    case Stage::listing:
      take_listing(ETIMEDOUT);
      return;
    case Stage::looking:
      hand_over_listing();
      return;
    case Stage::handing_over:
      end_directory(hand_over_rest());
      return;
  }
}

void Worker::leave_behind() {
  completing_ = false;
  try {
    conclude();
    if (in_hand_.node != nullptr)
      shared_.queues.push(number_, {in_hand_.node, in_hand_.position, in_hand_.position + 1});
  } catch (...) {
    shared_.fail(std::current_exception());
    if (!completing_ && task_.node != nullptr)
      shared_.queues.push(number_, {task_.node, task_.position, task_.position + 1});
  }
}

void Worker::visit(Task task) {
  task_ = task;
  token_ = task.node->pending[task.position].token;
  stage_ = Stage::opening;
  opened_ = open_pending(task);
  stage_ = Stage::opened;
  opened_one_of(task.node);
  if (opened_.outcome.listed != Listed::whole) {
    report_unlisted(token_, opened_.outcome);
    complete(token_, task.node);
    return;
  }
  read_directory(task, task.node->depth + 1, token_);
}

// ---- completion -----------------------------------------------------------------------------------------

void Worker::report_unlisted(Token token, const Outcome& outcome) {
  sink_.not_listed(token, outcome);
  if (outcome.call != Call::none) Counters::add(counters_.errors, 1);
}

/// The subtree of `token` is done; carries on upwards where it was the last one of its parent.
void Worker::complete(Token token, Node* parent) {
  completing_ = true;
  for (;;) {
    sink_.finish(token);
    if (parent == nullptr) {
      shared_.finished.store(true, std::memory_order_release);
      shared_.queues.close();
      return;
    }
    if (parent->unfinished.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    std::unique_ptr<Node> done(parent);
    token = done->token;
    parent = done->parent;
  }
}

}  // namespace pwalk::walk
