//! SUBSCRIBE and UNSUBSCRIBE, and their answers.

use std::borrow::Cow;

use midge_codec::{
    Packet, PacketId, Properties, PropertiesBuf, QoS, ReasonCode, Subscribe, SubscribeFiltersBuf, Unsubscribe,
    UnsubscribeFiltersBuf,
};

use super::packets::Fault;
use super::{Client, Phase};
use crate::event::{DropReason, Event, Visit};
use crate::refusal::Refusal;
use crate::requests::{Request, RequestKind};
use crate::steps::Step;

impl Client {
    /// Subscribes; the answer is an event with the number that is given. A Subscription Identifier stands in the Properties. Without a
    /// connection, or when it is lost before the answer, the request waits for the next one.
    ///
    /// # Errors
    /// When it is no request, or the Server of the present connection does not take it.
    pub fn subscribe(&mut self, filters: SubscribeFiltersBuf, properties: PropertiesBuf) -> Result<u64, Refusal> {
        // What stands behind a filter with options that it cannot have is not read.
        let readable = filters.as_filters().iter().count();
        if readable == 0 || readable < filters.as_filters().len() {
            return Err(Refusal::RequestInvalid);
        }
        self.request(RequestKind::Subscribe(filters), properties)
    }

    /// Gives Subscriptions up; the rest is as with [`Client::subscribe`].
    ///
    /// # Errors
    /// When it is no request, or the Server of the present connection does not take it.
    pub fn unsubscribe(&mut self, filters: UnsubscribeFiltersBuf, properties: PropertiesBuf) -> Result<u64, Refusal> {
        if filters.as_filters().len() == 0 {
            return Err(Refusal::RequestInvalid);
        }
        self.request(RequestKind::Unsubscribe(filters), properties)
    }

    fn request(&mut self, kind: RequestKind, properties: PropertiesBuf) -> Result<u64, Refusal> {
        let number = self.last_number + 1;
        let request = Request::new(Some(number), kind, properties);
        if self.phase == Phase::Online {
            self.check_request(&request)?;
        }
        self.last_number = number;
        self.requests.push(request);
        if self.phase == Phase::Online {
            // Nothing is dropped here: what stands before this one has been checked too.
            self.send_requests(&mut |_| {});
        }
        Ok(number)
    }

    fn check_request(&self, request: &Request) -> Result<(), Refusal> {
        match &request.kind {
            RequestKind::Subscribe(filters) => self.limits.check_subscribe(&filters.as_filters(), request.properties()),
            RequestKind::Unsubscribe(filters) => {
                self.limits.check_unsubscribe(&filters.as_filters(), request.properties())
            }
        }
    }

    /// Sends the requests that wait.
    pub(super) fn send_requests(&mut self, visit: Visit<'_>) {
        while let Some(request) = self.requests.next_unsent() {
            if let Err(refusal) = self.check_request(request) {
                if let Some(request) = self.requests.remove_unsent() {
                    self.drop_request(&request, DropReason::Refused(refusal), visit);
                }
                continue;
            }
            let Some(packet_id) = self.outbox.exchanges.begin_request() else { return };
            let properties = request.properties();
            let packet = match &request.kind {
                RequestKind::Subscribe(filters) => {
                    Packet::Subscribe(Subscribe { packet_id, properties, filters: filters.as_filters() })
                }
                RequestKind::Unsubscribe(filters) => {
                    Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters: filters.as_filters() })
                }
            };
            packet.encode(self.options.version, self.output.end());
            self.requests.note_sent(packet_id);
        }
    }

    /// A request is not sent. Where it was to bring back what a lost Session had, that is lost.
    pub(super) fn drop_request(&mut self, request: &Request, why: DropReason, visit: Visit<'_>) {
        if let Some(number) = request.number {
            return visit(Event::RequestDropped { number, why });
        }
        let reason_code = match why {
            DropReason::Refused(refusal) => refusal.reason_code(),
            DropReason::Expired | DropReason::Abandoned => return,
        };
        if let RequestKind::Subscribe(filters) = &request.kind {
            let codes = vec![reason_code.0; filters.as_filters().len()];
            self.remember(request, &codes, visit);
        }
    }

    /// SUBACK or UNSUBACK.
    pub(super) fn handle_answer(
        &mut self,
        packet_id: PacketId,
        codes: &[u8],
        properties: Properties<'_>,
        is_subscribe: bool,
        visit: Visit<'_>,
    ) -> Result<(), Fault> {
        let request = self.requests.remove(packet_id).filter(|request| request.fits(codes, is_subscribe));
        let Some(request) = request else {
            return Err(Fault::protocol("SUBACK or UNSUBACK that answers no request, or with as many codes"));
        };
        let codes = match codes {
            // The Server takes the Subscription for made, and so do other clients.
            [] if is_subscribe => Cow::Owned(vec![QoS::AtMostOnce as u8; request.filters_len()]),
            codes => Cow::Borrowed(codes),
        };
        self.outbox.exchanges.handle_answer(packet_id);
        for packet_id in self.inbox.note_answer().into_iter().filter_map(PacketId::new) {
            self.note(Step::Forgotten { packet_id });
        }
        self.remember(&request, &codes, visit);
        if let Some(number) = request.number {
            visit(Event::Answered { number, codes: &codes, properties });
        }
        Ok(())
    }

    fn remember(&mut self, request: &Request, codes: &[u8], visit: Visit<'_>) {
        let lose = |filter: &str, reason_code: ReasonCode| visit(Event::SubscriptionLost { filter, reason_code });
        self.requests.remember(request, codes, lose);
    }
}
