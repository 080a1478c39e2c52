package main

import (
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

const blockBytes = 512

// storageSystem is a host's HostStorageSystem whose disks are those of the array, as of the host's last rescan.
type storageSystem struct {
	*simulator.HostStorageSystem
	array *array
	iqn   string
}

func (s *storageSystem) device() *types.HostStorageDeviceInfo { return s.Host.Config.StorageDevice }

func (s *storageSystem) adapter() *types.HostInternetScsiHba {
	for _, hba := range s.device().HostBusAdapter {
		if found, ok := hba.(*types.HostInternetScsiHba); ok {
			return found
		}
	}
	return nil
}

func diskOf(u unit, state string) *types.HostScsiDisk {
	return &types.HostScsiDisk{
		ScsiLun: types.ScsiLun{
			HostDevice:       types.HostDevice{DeviceName: "/vmfs/devices/disks/" + u.naa, DeviceType: "disk"},
			Key:              "key-vim.host.ScsiDisk-" + u.naa,
			Uuid:             "02" + strings.TrimPrefix(u.naa, "naa."),
			CanonicalName:    u.naa,
			LunType:          "disk",
			OperationalState: []string{state},
		},
		Capacity:   types.HostDiskDimensionsLba{BlockSize: blockBytes, Block: u.bytes / blockBytes},
		DevicePath: "/vmfs/devices/disks/" + u.naa,
	}
}

// RescanAllHba sees what the array shows this host, if the host has been told where to look.
func (s *storageSystem) RescanAllHba(ctx *simulator.Context, _ *types.RescanAllHba) soap.HasFault {
	var units []unit
	if adapter := s.adapter(); adapter != nil && len(adapter.ConfiguredSendTarget) > 0 {
		// An array that is down shows nothing; the rescan itself does not fail of it.
		units, _ = s.array.unitsOf(s.iqn)
	}
	ctx.WithLock(s.Host, func() {
		states := map[string]string{}
		var kept []types.BaseScsiLun
		for _, lun := range s.device().ScsiLun {
			known := lun.GetScsiLun()
			if strings.HasPrefix(known.CanonicalName, "naa.") {
				states[known.CanonicalName] = known.OperationalState[0]
			} else {
				kept = append(kept, lun)
			}
		}
		for _, one := range units {
			state := states[one.naa]
			if state == "" {
				state = "ok"
			}
			kept = append(kept, diskOf(one, state))
		}
		s.device().ScsiLun = kept
	})
	s.settleDatastores(ctx)
	return &methods.RescanAllHbaBody{Res: new(types.RescanAllHbaResponse)}
}

// RescanVmfs mounts what lies on the disks that the host sees.
func (s *storageSystem) RescanVmfs(ctx *simulator.Context, _ *types.RescanVmfs) soap.HasFault {
	for _, ds := range vmfsDatastores(ctx) {
		if s.disk(extentOf(ds)) != nil && mountOf(ds, s.Host.Self) == nil {
			mountOn(ctx, ds, s.Host)
		}
	}
	s.settleDatastores(ctx)
	return &methods.RescanVmfsBody{Res: new(types.RescanVmfsResponse)}
}

// settleDatastores says of each mounted datastore whether this host still reaches its disk.
func (s *storageSystem) settleDatastores(ctx *simulator.Context) {
	for _, ds := range vmfsDatastores(ctx) {
		mount := mountOf(ds, s.Host.Self)
		if mount == nil {
			continue
		}
		disk := s.disk(extentOf(ds))
		accessible := disk != nil && disk.OperationalState[0] == "ok" && *mount.MountInfo.Mounted
		mount.MountInfo.Accessible = types.NewBool(accessible)
		anyone := false
		for _, other := range ds.Host {
			anyone = anyone || *other.MountInfo.Accessible
		}
		ctx.Update(ds, []types.PropertyChange{
			{Name: "host", Val: ds.Host},
			{Name: "summary.accessible", Val: anyone},
		})
	}
}

func (s *storageSystem) disk(naa string) *types.HostScsiDisk {
	for _, lun := range s.device().ScsiLun {
		if disk, ok := lun.(*types.HostScsiDisk); ok && disk.CanonicalName == naa {
			return disk
		}
	}
	return nil
}

func (s *storageSystem) setState(ctx *simulator.Context, uuid, state string) types.BaseMethodFault {
	for _, lun := range s.device().ScsiLun {
		known := lun.GetScsiLun()
		if known.Uuid != uuid {
			continue
		}
		if known.OperationalState[0] == state {
			return &types.InvalidState{}
		}
		if state == "off" {
			for _, ds := range vmfsDatastores(ctx) {
				mount := mountOf(ds, s.Host.Self)
				if extentOf(ds) == known.CanonicalName && mount != nil && *mount.MountInfo.Mounted {
					return &types.ResourceInUse{Type: "ScsiLun", Name: known.CanonicalName}
				}
			}
		}
		ctx.WithLock(s.Host, func() { known.OperationalState = []string{state} })
		s.settleDatastores(ctx)
		return nil
	}
	return &types.NotFound{}
}

// DetachScsiLun is refused while a datastore on it is mounted.
func (s *storageSystem) DetachScsiLun(ctx *simulator.Context, r *types.DetachScsiLun) soap.HasFault {
	if fault := s.setState(ctx, r.LunUuid, "off"); fault != nil {
		return &methods.DetachScsiLunBody{Fault_: simulator.Fault("", fault)}
	}
	return &methods.DetachScsiLunBody{Res: new(types.DetachScsiLunResponse)}
}

// AttachScsiLun undoes DetachScsiLun.
func (s *storageSystem) AttachScsiLun(ctx *simulator.Context, r *types.AttachScsiLun) soap.HasFault {
	if fault := s.setState(ctx, r.LunUuid, "ok"); fault != nil {
		return &methods.AttachScsiLunBody{Fault_: simulator.Fault("", fault)}
	}
	return &methods.AttachScsiLunBody{Res: new(types.AttachScsiLunResponse)}
}

func (s *storageSystem) setMounted(ctx *simulator.Context, uuid string, mounted bool) types.BaseMethodFault {
	for _, ds := range vmfsDatastores(ctx) {
		mount := mountOf(ds, s.Host.Self)
		if vmfsOf(ds).Uuid != uuid || mount == nil {
			continue
		}
		if *mount.MountInfo.Mounted == mounted {
			return &types.InvalidState{}
		}
		if !mounted && len(ds.Vm) > 0 {
			return &types.ResourceInUse{Type: "Datastore", Name: ds.Name}
		}
		mount.MountInfo.Mounted = types.NewBool(mounted)
		s.settleDatastores(ctx)
		return nil
	}
	return &types.NotFound{}
}

// UnmountVmfsVolume takes the volume from this host alone.
func (s *storageSystem) UnmountVmfsVolume(ctx *simulator.Context, r *types.UnmountVmfsVolume) soap.HasFault {
	if fault := s.setMounted(ctx, r.VmfsUuid, false); fault != nil {
		return &methods.UnmountVmfsVolumeBody{Fault_: simulator.Fault("", fault)}
	}
	return &methods.UnmountVmfsVolumeBody{Res: new(types.UnmountVmfsVolumeResponse)}
}

// MountVmfsVolume undoes UnmountVmfsVolume.
func (s *storageSystem) MountVmfsVolume(ctx *simulator.Context, r *types.MountVmfsVolume) soap.HasFault {
	if fault := s.setMounted(ctx, r.VmfsUuid, true); fault != nil {
		return &methods.MountVmfsVolumeBody{Fault_: simulator.Fault("", fault)}
	}
	return &methods.MountVmfsVolumeBody{Res: new(types.MountVmfsVolumeResponse)}
}

// AddInternetScsiSendTargets tells the adapter where to look.
func (s *storageSystem) AddInternetScsiSendTargets(ctx *simulator.Context, r *types.AddInternetScsiSendTargets) soap.HasFault {
	adapter := s.adapter()
	if adapter == nil || adapter.Device != r.IScsiHbaDevice {
		return &methods.AddInternetScsiSendTargetsBody{Fault_: simulator.Fault("", &types.NotFound{})}
	}
	ctx.WithLock(s.Host, func() {
		for _, target := range r.Targets {
			if at := targetAt(adapter, target); at < 0 {
				adapter.ConfiguredSendTarget = append(adapter.ConfiguredSendTarget, target)
			}
		}
	})
	return &methods.AddInternetScsiSendTargetsBody{Res: new(types.AddInternetScsiSendTargetsResponse)}
}

// RemoveInternetScsiSendTargets undoes AddInternetScsiSendTargets.
func (s *storageSystem) RemoveInternetScsiSendTargets(ctx *simulator.Context, r *types.RemoveInternetScsiSendTargets) soap.HasFault {
	adapter := s.adapter()
	if adapter == nil || adapter.Device != r.IScsiHbaDevice {
		return &methods.RemoveInternetScsiSendTargetsBody{Fault_: simulator.Fault("", &types.NotFound{})}
	}
	var missing bool
	ctx.WithLock(s.Host, func() {
		for _, target := range r.Targets {
			at := targetAt(adapter, target)
			if at < 0 {
				missing = true
				continue
			}
			list := adapter.ConfiguredSendTarget
			adapter.ConfiguredSendTarget = append(list[:at:at], list[at+1:]...)
		}
	})
	if missing {
		return &methods.RemoveInternetScsiSendTargetsBody{Fault_: simulator.Fault("", &types.NotFound{})}
	}
	return &methods.RemoveInternetScsiSendTargetsBody{Res: new(types.RemoveInternetScsiSendTargetsResponse)}
}

func targetAt(adapter *types.HostInternetScsiHba, wanted types.HostInternetScsiHbaSendTarget) int {
	for at, known := range adapter.ConfiguredSendTarget {
		if known.Address == wanted.Address && known.Port == wanted.Port {
			return at
		}
	}
	return -1
}
